import { KeyObject, randomBytes, webcrypto } from 'node:crypto';

/** Everything PEM. */
export interface Certificates {
  /** Who signed the others. */
  ca: string;
  /** For a server on localhost, 127.0.0.1 and ::1. */
  cert: string;
  key: string;
  /** For a caller, where the server asks for one. */
  client: { cert: string; key: string };
}

type X509 = typeof import('@peculiar/x509');

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;
const VALID_MS = 365 * 24 * HOUR_MS;

/** A certificate authority for one demo or test, and what it has signed: ECDSA P-256, good for a year. */
export async function makeCertificates(): Promise<Certificates> {
  await import('reflect-metadata'); // the certificate library wants it loaded first
  const x509: X509 = await import('@peculiar/x509');
  const caKeys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...newBearings(),
    name: 'CN=iovpipe demo CA',
    keys: caKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const sign = async (
    name: string,
    usage: string,
    hosts: ConstructorParameters<X509['SubjectAlternativeNameExtension']>[0],
  ) => {
    const keys = await newKeys();
    const cert = await x509.X509CertificateGenerator.create({
      ...newBearings(),
      subject: `CN=${name}`,
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([usage]),
        new x509.SubjectAlternativeNameExtension(hosts),
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { cert: cert.toString('pem'), key: pemOf(keys.privateKey) };
  };
  const server = await sign('localhost', x509.ExtendedKeyUsage.serverAuth, [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ]);
  const client = await sign('iovpipe demo caller', x509.ExtendedKeyUsage.clientAuth, [
    { type: 'dns', value: 'caller.invalid' },
  ]);
  return { ca: ca.toString('pem'), ...server, client };
}

/** A number, and a time of validity that began an hour ago, so that clocks may differ a little. */
function newBearings() {
  const now = new Date();
  return {
    serialNumber: `01${randomBytes(15).toString('hex')}`, // positive, whatever the random bytes
    notBefore: new Date(now.getTime() - HOUR_MS),
    notAfter: new Date(now.getTime() + VALID_MS),
    signingAlgorithm: ALGORITHM,
  };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function pemOf(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }).toString();
}
