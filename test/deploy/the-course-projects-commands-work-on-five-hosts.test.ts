// Three nodes, a balancer and a client, each a host of its own: the course project's commands, word for word,
// and what they do.

import t from 'tap'
import { BALANCER, mayHaveLab, NODES, seedAlone, startLab, untilInOrder } from '../support/cluster/lab.ts'

t.setTimeout(900_000)

t.test('from reconfigure.sh to a ring that has grown and shrunk', async t => {
  if (!(await mayHaveLab(t))) return
  const lab = await startLab(t)
  const sh = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await lab.exec('client', 'sh', '-c', `lb=${BALANCER}; ${command}`)
    t.equal(code, 0, `${command} ${stderr}`)
    return stdout
  }

  const { code, stdout, stderr } = await lab.reconfigure()
  t.equal(code, 0, stderr)
  t.match(stdout, /"_sorted_keys":\[3000,8000\]/)
  t.match(stdout, '  server n1 172.23.0.3:5000\n  server n2 172.23.0.4:5000\n  server n3 172.23.0.5:5000\n')

  t.match(await sh('curl -s $lb/'), /is running\n$/)
  const keys = ['roof', 'bed', 'bathtub', 'bee', 'finger', 'gate', 'gas', 'two words']
  for (const key of keys) t.equal(await sh(`curl -s --data "key=${key}&val=${key} 1" $lb/route`), 'OK')
  const check = async () => {
    for (const key of keys) t.equal(await sh(`curl -s "$lb/route?key=${key.replace(' ', '+')}"`), `${key} 1`)
    t.equal(await sh('curl -s "$lb/route?key=nobody"'), 'N/A')
  }
  await check()
  t.equal(await sh('curl -s "$lb/route_test?key=roof"'), NODES[0])
  t.equal(await sh(`curl -s $lb/add_node/5000/${NODES[2]}`), 'OK')
  t.same((await untilInOrder()).ring, { 3000: NODES[0], 5000: NODES[2], 8000: NODES[1] })
  await check()
  t.equal(await sh(`curl -s $lb/remove_node/${NODES[1]}`), 'OK')
  t.same((await untilInOrder()).ring, { 3000: NODES[0], 5000: NODES[2] })
  await check()
  t.equal(await sh(`curl -s --data "ip=${NODES[1]}&key=8000&task=add" $lb/update_ring`), 'OK')
  t.same((await untilInOrder())._sorted_keys, [3000, 5000, 8000])
  t.equal(await sh('curl -s --data-urlencode \'dic={"a":"1","b":"2"}\' $lb/bulk_update_keys'), 'OK')
  t.equal(await sh('curl -s "$lb/route?key=b"'), '2')
  t.ok(JSON.parse(await sh('curl -s $lb/fetch_keys')).length > 0)
  t.match(await sh('curl -s $lb/migrate/0/9999'), '"key":"roof"')
})

t.test('a second seeding of a cluster that holds pairs', async t => {
  if (!(await mayHaveLab(t))) return
  const lab = await startLab(t)
  t.equal((await lab.reconfigure()).code, 0)
  await lab.exec('client', 'curl', '-s', '--data', 'key=k&val=v', `${BALANCER}/route`)
  const again = await lab.reconfigure()
  t.equal(again.code, 1)
  t.match(again.stderr, /holds pairs; --wipe empties it. Nothing was changed\n$/)
  t.equal((await lab.exec('client', 'curl', '-s', `${BALANCER}/route?key=k`)).stdout, 'v')
  t.equal((await lab.reconfigure(undefined, '--wipe')).code, 0)
  t.equal((await lab.exec('client', 'curl', '-s', `${BALANCER}/route?key=k`)).stdout, 'N/A')

  const generation = Date.now() + 60 * 60 * 1000
  t.equal(
    await seedAlone(NODES[1] as string, { nodes: [{ ip: NODES[1], key: 1 }], generation }),
    200,
    'by a machine whose clock is ahead'
  )
  const { code, stdout, stderr } = await lab.reconfigure(undefined, '--wipe')
  t.equal(code, 0, stderr)
  t.match(stdout, `"generation":${generation + 1}`)
})
