export default () => 'now';
