// What a host outside of the cluster's network can reach, port by port and path by path: what SECURITY.md
// says, and nothing else.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { fileOfProject } from '../support/cluster/ending.ts'
import { BALANCER, mayHaveLab, NODES, startLab, type Lab } from '../support/cluster/lab.ts'

t.setTimeout(900_000)

/** The cells of the table's rows, in a Markdown file, whose first cell the pattern matches. */
function rowsOf(file: string, first: RegExp): string[][] {
  const lines = readFileSync(fileOfProject(file), 'utf8').split('\n')
  return lines
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim())
    )
    .filter(([cell]) => cell !== undefined && first.test(cell))
}

async function statusOf(lab: Lab, origin: string, method: string, path: string): Promise<string> {
  const body = method === 'POST' || method === 'PUT' ? ['-d', 'key=k&val=v'] : []
  const { stdout } = await lab.exec(
    'outside',
    'curl',
    '-s',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    '-m',
    '10',
    '--path-as-is',
    '-X',
    method,
    ...body,
    `${origin}${path}`
  )
  return stdout
}

t.test('ports and paths', async t => {
  if (!(await mayHaveLab(t))) return
  const lab = await startLab(t)
  t.equal((await lab.reconfigure()).code, 0)

  const ports = rowsOf('SECURITY.md', /^(n[123]|balancer) /)
  t.equal(ports.length, 4)
  for (const [host, open] of ports as Array<[string, string]>) {
    const address = /[0-9.]{7,}/.exec(host)?.[0] as string
    const { stdout, stderr } = await lab.exec(
      'outside',
      process.execPath,
      fileOfProject('dist/test/support/cluster/open-ports.js'),
      address
    )
    t.equal(stdout, `[${open}]\n`, `${host} ${stderr}`)
  }

  const paths = rowsOf('SECURITY.md', /^`[A-Z]+ \//)
  t.ok(paths.length > 20)
  for (const [request, atBalancer, atNode] of paths as Array<[string, string, string]>) {
    const [method, path] = request.slice(1, -1).split(' ') as [string, string]
    t.equal(await statusOf(lab, BALANCER, method, path), atBalancer, `the balancer, ${request}`)
    t.equal(await statusOf(lab, `http://${NODES[0]}`, method, path), atNode, `a node, ${request}`)
  }
})
