// What iovpipe installs with it, from the lockfile: version, licence, whether it compiles something. `npm run dependencies` shows
// it (`-- --json`), `npm run sbom` writes it as CycloneDX. (`npm sbom --omit=dev` leaves out what a development tool needs too.)
import { readFileSync } from 'node:fs';

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const rows = Object.entries(packages)
  .filter(([path, { dev, devOptional, link }]) => path !== '' && !dev && !devOptional && !link)
  .map(([path, entry]) => ({
    name: entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    version: entry.version,
    license: entry.license ?? 'unknown',
    integrity: entry.integrity,
    runs: [entry.hasInstallScript && 'install script', entry.optional && 'optional'].filter(Boolean).join(', '),
  }))
  .sort((one, other) => one.name.localeCompare(other.name));
const cycloneDx = () => ({
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component: { type: 'application', name: packages[''].name, version: packages[''].version } },
  components: rows.map(({ name, version, license, integrity }) => ({
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: [{ license: { name: license } }],
    hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
  })),
});

if (process.argv.includes('--sbom')) process.stdout.write(`${JSON.stringify(cycloneDx(), undefined, 2)}\n`);
else if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
else {
  for (const { name, version, license, runs } of rows)
    process.stdout.write(`${name.padEnd(36)} ${version.padEnd(12)} ${license.padEnd(24)} ${runs}\n`);
  process.stdout.write(`${rows.length} packages\n`);
}
