import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { iovpipe } from '../support/cli.js';
import { opened, picture, put } from '../support/pictures.js';
import { writeSite } from '../support/site.js';

const KEY = '0123456789abcdef0123456789abcdef';
const COUNT = 40;
const cardOf = (index: number) => `898600123456789${String(index).padStart(5, '0')}`;

const PIPELINE = `peers: \${file:peers.yaml}
archive: { sqlite: { path: var/archive.db } }
pipelines:
  pictures-out:
    source: { file: { path: registrations.ndjson, as: message } }
    operators:
      - collect: { file: KH, concurrency: 7, photos: [{ directory: "photos/{EncryptUserInfo.ICCID}" }] }
      - zip: { level: 0 }
      - encrypt: { peer: operator }
    sink: { directory: { directory: sent } }
`;

t.test(
  'a chain collects many albums side by side, and what fails is a dead letter that holds nothing up',
  async (t) => {
    const folder = t.testdir({});
    const numbers = Array.from({ length: COUNT }, (_, index) => index);
    writeSite(folder, {
      'pipeline.yaml': PIPELINE,
      'peers.yaml': `operator: { platformId: P, password: "\${secret:p}", cipher: { key: "\${secret:key}" } }\n`,
      'secrets/p': 'a password\n',
      'secrets/key': `${KEY}\n`,
      'registrations.ndjson': numbers
        .map((index) => ({ RequestID: `REQ-${index}`, Code: 'LSV1', EncryptUserInfo: { ICCID: cardOf(index) } }))
        .map((message) => `${JSON.stringify(message)}\n`)
        .join(''),
    });
    // the card of the fifth has no picture, that of the ninth one that is none
    for (const index of numbers) {
      const bytes = index === 9 ? Buffer.from('no picture') : picture('jpg', 2_000 + index);
      if (index !== 5) put(folder, { [`photos/${cardOf(index)}/face.jpg`]: bytes });
    }
    const ran = await iovpipe(['run', '--once', 'pictures-out'], folder);
    t.notMatch(ran.stderr, /8986001234567/, 'no card number in the log');
    const sent = readdirSync(join(folder, 'sent')).sort();
    t.same(sent, numbers.flatMap((index) => ([5, 9].includes(index) ? [] : [`KH_REQ-${index}_LSV1.bin`])).sort());
    t.same(opened(join(folder, 'sent', 'KH_REQ-7_LSV1.bin'), KEY).listed, ['KH_REQ-7_LSV1_001.jpg']);
    t.same(
      readdirSync(join(folder, 'var')).filter((name) => name.endsWith('.part')),
      [],
    );
    const dead = await iovpipe(['dead', 'list'], folder);
    t.match(dead.stdout, /NO_PICTURES/);
    t.match(dead.stdout, /ALBUM_INVALID/);
  },
);
