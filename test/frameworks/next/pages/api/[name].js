import { respond } from '../../../applications/answers.mjs';

export const config = { api: { bodyParser: false, responseLimit: false } };

export default function handler(request, response) {
  request.url = request.url.replace('/api', '');
  return respond(request, response);
}
