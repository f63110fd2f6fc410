// What the product is compared with, where it is installed: servers in other languages that answer from a
// cache.

import { createConnection } from 'node:net'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { check, PAIRS, type Target } from './contenders.ts'
import { type Bench } from './processes.ts'

/** nginx with that many processes, which answers from a Memcached that holds the bare pairs. */
export async function nginx(bench: Bench, workers: number): Promise<Target> {
  const { socket, pid: store } = await bench.memcached()
  const server = await bench.server('nginx', '/readyz', async (port, folder) => {
    const file = join(folder, 'nginx.conf')
    await writeFile(file, nginxConfig(folder, port, socket, workers))
    return ['-c', file, '-e', join(folder, 'nginx.log')]
  })
  const target = { ...server, store }
  await send(
    socket,
    key => `set ${key} 0 0 ${PAIRS[key]?.length} noreply\r\n${PAIRS[key]}\r\n`,
    'version\r\n'
  )
  await check(target)
  return target
}

/** Webdis with that many threads, before a Redis that keeps nothing on the disk. */
export async function webdis(bench: Bench, threads: number): Promise<Target> {
  const { socket, pid: store } = await bench.listener('redis-server', path => [
    '--port',
    '0',
    '--unixsocket',
    path,
    '--save',
    '',
    '--appendonly',
    'no',
    '--loglevel',
    'warning'
  ])
  const server = await bench.server('webdis', '/PING', async (port, folder) => {
    const file = join(folder, 'webdis.json')
    const settings = {
      redis_host: socket,
      http_host: '127.0.0.1',
      http_port: port,
      threads,
      pool_size: 20,
      daemonize: false,
      database: 0,
      verbosity: 0,
      logfile: join(folder, 'webdis.log')
    }
    await writeFile(file, JSON.stringify(settings))
    return [file]
  })
  const target = { ...server, store, path: '/GET/%s.txt' }
  await send(socket, key => `set ${key} ${PAIRS[key]}\r\n`, 'quit\r\n')
  await check(target)
  return target
}

/** Sends a command for each pair, and waits for the answer to the last. */
async function send(socket: string, command: (key: string) => string, last: string): Promise<void> {
  const connection = createConnection(socket)
  for (const key of Object.keys(PAIRS)) connection.write(command(key))
  connection.end(last)
  connection.resume()
  await once(connection, 'close')
}

function nginxConfig(folder: string, port: number, socket: string, workers: number): string {
  // Root's socket is for root alone.
  const user = process.getuid?.() === 0 ? 'user root; ' : ''
  return `${user}daemon off; worker_processes ${workers}; pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000;
  upstream memcached { server unix:${socket}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location = /route { set $memcached_key $arg_key; memcached_pass memcached; default_type text/plain; }
    location = /readyz { return 200 ready; }
  }
}
`
}
