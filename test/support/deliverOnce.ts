import { text } from 'node:stream/consumers';
import type { SftpSettings } from '../../connections/sftpConnection.js';
import { type LocalFile, sftpClient } from './sftpClient.js';

/** A process of its own that delivers one file and may be killed: the job comes as JSON on standard input. */
const { server, file, directory } = JSON.parse(await text(process.stdin)) as {
  server: SftpSettings;
  file: LocalFile;
  directory: string;
};
const client = await sftpClient(server);
const { signal } = new AbortController();
await client.deliver(file, directory, file.name, { resumed: () => true, onUploading: async () => undefined, signal });
await client.close();
