// The certificates of a node, read once. Nodes show them to each other, and take nobody's word without one of
// the same authority.

import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type TlsIdentity } from '../core/messages/hello.ts'
import { type TlsFiles } from './config.ts'
import { KvError } from '../errors.ts'

/**
 * Throws `KV_ERR_CONFIG`, with the variable, where a file cannot be read, is not what it should be, or does
 * not go with the others.
 */
export function readTls(files: TlsFiles | undefined): TlsIdentity | undefined {
  if (files === undefined) return undefined
  const identity = {
    cert: read('TLS_CERT', files.cert),
    key: read('TLS_KEY', files.key),
    ca: read('TLS_CA', files.ca)
  }
  const cert = parsed('TLS_CERT', () => new X509Certificate(identity.cert))
  parsed('TLS_CA', () => new X509Certificate(identity.ca))
  const key = parsed('TLS_KEY', () => createPrivateKey(identity.key))
  if (!cert.checkPrivateKey(key)) {
    throw new KvError('KV_ERR_CONFIG', 'TLS_KEY does not belong to the certificate of TLS_CERT')
  }
  return identity
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new KvError('KV_ERR_CONFIG', `${name} cannot be read: ${(error as Error).message}`)
  }
}

function parsed<T>(name: string, parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new KvError('KV_ERR_CONFIG', `${name} is no PEM file of the right kind`)
  }
}
