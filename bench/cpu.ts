// What processes have used of the processor, as Linux tells it.

import { readFile } from 'node:fs/promises'

/** Microseconds in a tick of the kernel's accounts, a hundred of which make a second on every Linux. */
const TICK_US = 10_000

/** User and system time of a process and its children so far, microseconds; 0 where there is no /proc. */
export async function cpuUs(pid: number): Promise<number> {
  const [stat, children] = await Promise.all(
    [readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')].map(text =>
      text.catch(() => '')
    )
  )
  // The name of the program, in parentheses, may hold spaces.
  const fields = (stat as string).slice((stat as string).lastIndexOf(')') + 2).split(' ')
  const own = (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_US
  const ofChildren = await Promise.all(
    (children as string)
      .split(' ')
      .filter(child => child !== '')
      .map(child => cpuUs(Number(child)))
  )
  return ofChildren.reduce((sum, us) => sum + us, own)
}
