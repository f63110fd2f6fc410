// Long answers as streams whose pace the reader sets. The first piece is awaited before the answer begins, so
// that a storage which does not answer is an error with a code and not a broken stream.

import { Readable } from 'node:stream'

/** The pieces as a stream; rejects if there is an error before the first one. */
export async function streamOf(pieces: AsyncIterable<string | Buffer>): Promise<Readable> {
  const iterator = pieces[Symbol.asyncIterator]()
  const first = await iterator.next()

  async function* all(): AsyncGenerator<string | Buffer> {
    for (let next = first; !next.done; next = await iterator.next()) yield next.value
  }

  const stream = Readable.from(all(), { objectMode: false, highWaterMark: 64 * 1024 })
  // The source ends with the stream, also when the reader went away before `all` began, which so would never
  // clean up.
  stream.once('close', () => {
    iterator.return?.().catch(() => {})
  })
  return stream
}
