// With TLS, clients speak HTTPS, and nodes take nothing from anybody who shows no certificate of their own
// authority, token or not.

import { request } from 'undici'
import t from 'tap'
import { readTls } from '../../../src/process/tls.ts'
import { createCertificate } from '../../support/cluster/certificates.ts'
import { startNodes } from '../../support/cluster/nodes.ts'
import { needs } from '../../support/cluster/programs.ts'

t.test('nodes of one authority', async t => {
  if (!needs(t, 'openssl')) return
  const nodes = await startNodes(t, 3, { tls: readTls(await createCertificate(t)), token: 'secret' })
  const [first, second, third] = nodes
  t.match(await first.ask('/kv/k', { method: 'PUT', body: 'v' }), { status: 204 })
  for (const node of nodes) t.match(await node.ask('/kv/k'), { status: 200, text: 'v' })

  const asOperator = { headers: { authorization: 'Bearer secret' } }
  t.match(await second.ask('/hash_ring', asOperator), { status: 200 }, 'an operator needs the token alone')
  for (const path of [
    '/internal/ops',
    '/internal/vote',
    '/internal/pull',
    '/internal/tidy',
    '/internal/progress'
  ]) {
    const { status, text } = await third.ask(path, { ...asOperator, method: 'POST', body: '' })
    t.match({ status, ...JSON.parse(text) }, { status: 403, code: 'KV_ERR_CERTIFICATE' }, path)
  }
  await t.rejects(request(`http://${first.address}/livez`), 'plain HTTP')
})

t.test('a node of another authority', async t => {
  if (!needs(t, 'openssl')) return
  const [ours, other] = [readTls(await createCertificate(t)), readTls(await createCertificate(t))]
  if (ours === undefined || other === undefined) throw new Error('there are certificates')
  const [first, second, stranger] = await startNodes(t, 3, { members: 2, tls: [ours, ours, other] })
  t.match(await first.ask('/kv/k', { method: 'PUT', body: 'v' }), { status: 204 })
  t.match(await second.ask('/kv/k'), { status: 200, text: 'v' }, 'the others go on')
  t.match(await stranger.ask('/kv/k'), { status: 503 })
  t.match(await stranger.ask('/livez'), { status: 200 })
})

t.test('files that are none, or do not go together', async t => {
  if (!needs(t, 'openssl')) return
  const [one, other] = [await createCertificate(t), await createCertificate(t)]
  t.equal(readTls(undefined), undefined)
  t.throws(() => readTls({ ...one, key: '/nowhere' }), {
    code: 'KV_ERR_CONFIG',
    message: /^TLS_KEY cannot be read/
  })
  t.throws(() => readTls({ ...one, cert: one.key }), {
    code: 'KV_ERR_CONFIG',
    message: /^TLS_CERT is no PEM/
  })
  t.throws(() => readTls({ ...one, ca: one.key }), { code: 'KV_ERR_CONFIG', message: /^TLS_CA is no PEM/ })
  t.throws(() => readTls({ ...one, key: other.key }), {
    code: 'KV_ERR_CONFIG',
    message: /^TLS_KEY does not belong/
  })
})
