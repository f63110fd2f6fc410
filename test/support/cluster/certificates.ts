// Certificates for tests: an authority and what it has signed, by openssl.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Ending } from './ending.ts'

/** Paths of PEM files, as `TLS_CERT`, `TLS_KEY` and `TLS_CA` take them. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

const run = promisify(execFile)
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** An authority of its own, and a certificate of it for 127.0.0.1. `needs(t, 'openssl')` comes first. */
export async function createCertificate(t: Ending): Promise<Certificate> {
  const folder = mkdtempSync(join(tmpdir(), 'ringkeep-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string) => join(folder, name)
  const authority = [...NEW_KEY, '-x509', '-days', '2', '-subj', '/CN=Ringkeep test authority']
  await run('openssl', ['req', ...authority, '-keyout', path('ca.key'), '-out', path('ca.pem')])
  const signed = [
    ...NEW_KEY,
    '-x509',
    '-days',
    '2',
    '-subj',
    '/CN=node',
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-addext',
    'basicConstraints=critical,CA:FALSE'
  ]
  await run('openssl', ['req', ...signed, '-keyout', path('node.key'), '-out', path('node.pem')])
  return { cert: path('node.pem'), key: path('node.key'), ca: path('ca.pem') }
}
