// Writes sbom.cdx.json, the bill of materials in the tarball (CycloneDX 1.5): the dependencies of the package, and each
// prebuilt file with what was compiled into it. The same project gives the same bytes: the file contains no time and no
// random number. (`npm sbom` writes both, and does not know the binaries.)
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest } from './manifest.mjs';
import { root, TARGETS } from './targets.mjs';

const read = (file) => JSON.parse(readFileSync(join(root, file), 'utf8'));
const { name, version, description, license } = read('package.json');
const { packages } = read('package-lock.json');

const purl = (packageName, packageVersion) => `pkg:npm/${packageName.replace('@', '%40')}@${packageVersion}`;
const licenses = (id) => [{ license: { id } }];

/** A package of the lockfile, with the hash of its tarball in the registry. */
function npmPackage(packageName) {
  const { version, integrity, license } = packages[`node_modules/${packageName}`];
  const [algorithm, base64] = integrity.split('-');
  return {
    type: 'library',
    name: packageName,
    version,
    purl: purl(packageName, version),
    licenses: licenses(license),
    hashes: [{ alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(base64, 'base64').toString('hex') }],
  };
}

const withReference = (component) => ({ 'bom-ref': component.purl, ...component });

const dependencies = Object.entries(packages)
  .filter(([path, { dev, optional }]) => path && !dev && !optional)
  .map(([path]) => withReference({ ...npmPackage(path.replace(/^.*node_modules\//, '')), scope: 'required' }));

const binaries = TARGETS.flatMap((target) => {
  const manifest = readManifest(target);
  return Object.entries(manifest.binaries).map(([file, hash]) => ({
    'bom-ref': `prebuilds/${target.name}/${file}`,
    type: 'file',
    name: `prebuilds/${target.name}/${file}`,
    hashes: [{ alg: 'SHA-256', content: hash }],
    // node-addon-api is only headers, and therefore part of the binary.
    components: [{ ...npmPackage('node-addon-api'), 'bom-ref': `prebuilds/${target.name}/node-addon-api` }],
    properties: Object.entries(manifest.builtWith).map(([tool, value]) => ({
      name: `${name}:builtWith:${tool}`,
      value,
    })),
  }));
});

const self = withReference({
  type: 'library',
  name,
  version,
  description,
  purl: purl(name, version),
  licenses: licenses(license),
});
const dependsOn = [...dependencies, ...binaries].map((component) => component['bom-ref']);

const bom = {
  $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component: self },
  components: [...dependencies, ...binaries],
  dependencies: [{ ref: self['bom-ref'], dependsOn }, ...dependsOn.map((ref) => ({ ref }))],
};

writeFileSync(join(root, 'sbom.cdx.json'), `${JSON.stringify(bom, null, 2)}\n`);
