/**
 * A shell script that makes the secrets and certificates that pipeline files name, for a first try: by openssl and ssh-keygen,
 * and never over one that is there.
 * @param texts the files, one after another
 */
export function secretsScript(texts: string): string {
  const secrets = named('secret', texts);
  const files = named('file', texts).filter((name) => name.endsWith('.crt'));
  const pairs = files.filter((name) => secrets.includes(keyOf(name)));
  const lines = [
    ...pairs.map((name) => `certificate ${keyOf(name)} ${name}`),
    ...secrets.filter((name) => !pairs.some((pair) => keyOf(pair) === name)).map(maker),
    ...files.filter((name) => !pairs.includes(name)).map((name) => `authority ${name}`),
  ];
  return `${HEAD}\n${lines.join('\n')}\n`;
}

const keyOf = (certificate: string) => certificate.replace(/crt$/, 'key');

function maker(name: string): string {
  if (name.endsWith('.password')) return `password ${name}`;
  return name === 'host.key' || name === 'sftp.key' ? `sshKey ${name}` : `cipherKey ${name}`;
}

/** The names behind \`\${kind:…}\`, each once. */
function named(kind: string, texts: string): string[] {
  return [...new Set([...texts.matchAll(new RegExp(`\\$\\{${kind}:([^}]+)\\}`, 'g'))].map(([, name]) => name ?? ''))];
}

const HEAD = `#!/bin/sh
# Makes what pipeline.yaml and peers.yaml name as secrets, and certificates, for a first try; what is there stays as it is.
# Passwords and cipher keys are then to be what both sides agree on, certificates those of your authority, and the SFTP key
# one that the other side knows. Under systemd each of these is a credential, and this folder is not needed.
set -eu
umask 077
cd "$(dirname "$0")"

absent() { test ! -e "$1" && echo "making $1"; }
password() { absent "$1" && openssl rand -base64 24 > "$1" || true; }
cipherKey() { absent "$1" && openssl rand -hex 16 > "$1" || true; }
sshKey() { absent "$1" && ssh-keygen -q -t ed25519 -N '' -C iovpipe -f "$1" || true; }
selfSigned() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=localhost -keyout "$1" -out "$2" 2> /dev/null; }
certificate() { absent "$1" && selfSigned "$1" "../$2" || true; }
authority() { absent "../$1" && selfSigned /dev/null "../$1" || true; }
`;
