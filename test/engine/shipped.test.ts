import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { loadAndCheck } from '../../engine/check.js';
import { editorSchema } from '../../engine/schema.js';
import { newAjv } from '../../notice/ajv.js';
import { writeSite } from '../support/site.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SHIPPED = ['pipeline.yaml', ...readdirSync(join(ROOT, 'pipelines')).map((name) => `pipelines/${name}`)].filter(
  (name) => name.endsWith('.yaml') && !/(peers|logins|\.test)\.yaml$/.test(name),
);

const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const conforms = newAjv({ strict: false, validateFormats: false }).compile(editorSchema());

/** The names behind `${kind:…}` in a text. */
const named = (kind: string, text: string) =>
  [...text.matchAll(new RegExp(`\\$\\{${kind}:([^}]+)\\}`, 'g'))].map(([, name]) => name ?? '');

/** The peers of the other roles, whose file the site writes. */
const OPERATOR = `operator:
  platformId: P
  password: $\{secret:p.password}
  cipher: { key: "$\{secret:p.key}" }
oem:
  platformId: Q
  password: $\{secret:p.password}
  codes: [LSV1]
  cipher: { key: "$\{secret:p.key}" }
`;

for (const name of SHIPPED) {
  t.test(`${name} is what editors expect`, async (t) => {
    const written: unknown = parse(read(name).replace(/(\d)_(?=\d{3})/g, '$1'));
    conforms(written);
    t.strictSame(conforms.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`) ?? [], []);
  });

  t.test(`${name} has no fault once its secrets and files are there`, async (t) => {
    const folder = t.testdir();
    const beside = dirname(name) === '.' ? '' : `${dirname(name)}/`;
    const site: Record<string, string> = { [name]: read(name) };
    for (const file of named('file', read(name))) site[`${beside}${file}`] = 'a text\n';
    site['pipelines/peers.yaml'] = OPERATOR;
    site[`${beside}logins.yaml`] = '[{ username: operator, publicKey: ssh-ed25519 AAAA }]';
    site['peers.yaml'] = read('peers.yaml');
    const secrets = named('secret', Object.values(site).join('\n'));
    for (const secret of secrets) site[`${beside}secrets/${secret}`] = '0123456789abcdef0123456789abcdef\n';
    writeSite(folder, site);
    const { config, faults } = await loadAndCheck(join(folder, name));
    t.strictSame(
      faults.map(({ line, place, message }) => `${line} ${place}: ${message}`),
      [],
    );
    t.ok(Object.isFrozen(config?.pipelines[0]?.source.options), 'what comes out is frozen');
  });
}

t.test('the editor schema has teeth', async (t) => {
  t.notOk(
    conforms({ archive: { sqlite: { path: 'a' } }, pipelines: { a: { source: { file: {} }, sink: { nowhere: {} } } } }),
  );
});
