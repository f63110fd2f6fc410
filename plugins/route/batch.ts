// `POST /kv/batch`: many gets, puts and deletes in one request, each with a result of its own, as `/kv/<key>`
// would answer it. Those of one key are carried out in their order, the others side by side: to the replicas
// they travel in the frames of one tick. What cannot be begun in time, or has no room in the answer, is not
// carried out and says so.

import { type FastifyInstance } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { BATCH_BEGIN_MS, BATCH_BYTES } from '../../src/limits.ts'
import { tombstone } from '../../src/core/pairs/record.ts'
import { slotOf } from '../../src/core/pairs/slot.ts'
import { formatVersion } from '../../src/core/pairs/version.ts'
import {
  createBatchAnswers,
  resultOfError,
  resultOfRead,
  tooLarge,
  type BatchAnswer,
  type BatchResult
} from './batch-answers.ts'
import { operationsOf, readOperations, type BatchOperation } from './batch-operations.ts'
import { forEachOf } from './several.ts'

export function batchRoute(app: FastifyInstance): void {
  const { coordinator, clock } = app
  const answerTo = createBatchAnswers(app)

  /**
   * Body: `{"operations": [{"op": "get" | "put" | "delete", "key", ...}]}`; 200 with `{"results": [...]}` in
   * the same order.
   */
  app.register(async scope => {
    scope.removeContentTypeParser('application/json')
    scope.addContentTypeParser<Buffer>(
      'application/json',
      { parseAs: 'buffer' },
      app.bodyParser(readOperations)
    )
    scope.post('/kv/batch', { config: { open: true }, bodyLimit: BATCH_BYTES }, async (request, reply) => {
      const answer = answerTo(reply)
      await carryOutAll(operationsOf(request.body), request.raw.socket, answer)
      return answer.send()
    })
  })

  /**
   * The results go to the answer, each at the place of its operation. Nothing more is begun after
   * `BATCH_BEGIN_MS`, or for a client who has gone.
   */
  async function carryOutAll(
    operations: readonly BatchOperation[],
    client: { readonly destroyed: boolean },
    answer: BatchAnswer
  ): Promise<void> {
    const untilMs = performance.now() + BATCH_BEGIN_MS

    async function resultOf(operation: BatchOperation): Promise<BatchResult> {
      if (client.destroyed || performance.now() > untilMs) {
        throw new KvError('KV_ERR_OVERLOADED', 'not carried out: the batch took too long')
      }
      if (operation.op === 'get' && answer.full) throw tooLarge()
      return carryOut(operation)
    }

    await forEachOf(byKey(operations), async ofOneKey => {
      for (const operation of ofOneKey) {
        answer.add(operation.index, await resultOf(operation).catch(resultOfError))
      }
    })
  }

  async function carryOut(operation: BatchOperation): Promise<BatchResult> {
    const { key } = operation
    if (operation.op === 'put') {
      const { value, contentType, ttlS } = operation
      const expiresAtMs = ttlS === undefined ? 0 : clock.wallMs() + ttlS * 1000
      const { version } = await coordinator.write(slotOf(key), key, version => ({
        version,
        deleted: false,
        expiresAtMs,
        contentType,
        value
      }))
      return { status: 204, etag: `"${formatVersion(version)}"` }
    }
    if (operation.op === 'get') return resultOfRead((await coordinator.read(slotOf(key), key)).record)
    await coordinator.write(slotOf(key), key, version => tombstone(version, clock.wallMs()))
    return { status: 204 }
  }
}

function byKey(operations: readonly BatchOperation[]): BatchOperation[][] {
  const groups = new Map<string, BatchOperation[]>()
  for (const operation of operations) {
    const group = groups.get(operation.key)
    if (group === undefined) groups.set(operation.key, [operation])
    else group.push(operation)
  }
  return [...groups.values()]
}
