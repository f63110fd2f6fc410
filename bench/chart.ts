// Draws what the suites `node` and `cluster` have measured, as bars in an SVG file: the product, and beside
// it what it is compared with.

import { readFile, writeFile } from 'node:fs/promises'
import { type Row } from './contenders.ts'
import { type Bench } from './processes.ts'

const FILE = 'docs/throughput.svg'
const WIDTH = 760
const LABEL = 300
const BAR = 18
const STEP = 26
/** Room for the number behind the longest bar. */
const NUMBER = 70

export async function chart(_bench: Bench, quick: boolean): Promise<void> {
  if (quick) throw new Error('a chart of a quick run would mean nothing')
  const rows: Row[] = []
  for (const suite of ['node', 'cluster']) {
    const result = JSON.parse(
      await readFile(`bench/results/${suite}.json`, 'utf8').catch(() => {
        throw new Error(`run the suite ${suite} first`)
      })
    )
    if (result.rounds < 5) throw new Error(`the last run of the suite ${suite} was a quick one`)
    rows.push(...result.rows)
  }
  await writeFile(FILE, draw(rows.filter(({ name }) => name.endsWith('GET'))))
  console.log(FILE)
}

function draw(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ highest }) => highest))
  const scale = (rate: number) => Math.round((rate / most) * (WIDTH - LABEL - NUMBER))
  const height = rows.length * STEP + 44
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13"
  role="img" aria-label="Reads per second">
<style>
text{fill:#24292f}.own{fill:#2f6f4f}.other{fill:#9aa4ae}.spread{stroke:#24292f}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#57ab81}.spread{stroke:#e6edf3}}
</style>
<text x="0" y="16">
Reads per second, 100-byte values, 64 connections; median, lowest and highest of the rounds
</text>
${rows.map((row, i) => bar(row, 32 + i * STEP, scale)).join('\n')}
</svg>
`
}

function bar(
  { name, requestsPerSecond, lowest, highest }: Row,
  y: number,
  scale: (rate: number) => number
): string {
  const kind = /Fastify|nginx|Webdis/.test(name) ? 'other' : 'own'
  const middle = y + BAR / 2
  return `<text x="0" y="${y + 14}">${name.replace(/, GET$/, '')}</text>
<rect class="${kind}" x="${LABEL}" y="${y}" width="${scale(requestsPerSecond)}" height="${BAR}"/>
<path class="spread" d="M${LABEL + scale(lowest)} ${middle}H${LABEL + scale(highest)}"/>
<text x="${LABEL + scale(highest) + 6}" y="${y + 14}">${requestsPerSecond.toLocaleString('en')}</text>`
}
