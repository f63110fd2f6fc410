#!/usr/bin/env bash
# A cluster's network on one machine: five hosts, and one outside, as network namespaces on a bridge. Each
# node's host runs its own Memcached on its loopback and the node, by the command lines of the systemd units.
# `--help` says more.
set -euo pipefail

readonly HELP='usage: sudo deploy/netlab.sh COMMAND

  up                  n1 172.23.0.3, n2 .4, n3 .5 with Memcached and node, the balancer lb .6 with HAProxy on
                      port 80, a client .7, and a host "outside" 203.0.113.7 that reaches them over a router
  exec HOST CMD...    runs a command on a host: deploy/netlab.sh exec client curl http://172.23.0.6/
  restart HOST [DIR]  stops the node of a host as systemd does, and starts it again, from another folder if
                      there is one: an upgrade
  cut HOST            cuts the link of a host; what is sent vanishes
  slow HOST MS        delays what a host sends
  heal HOST           mends both
  down                stops everything and removes it
  --help

NETLAB_DIR (default /run/ringkeep-netlab) holds state, logs and process ids; NETLAB_TOKEN (default "netlab")
is the cluster token. NETLAB_SLOTS=1: HAProxy in its token-aware mode. The client is the operator: its curl
sends the token by itself.'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly app=${here%/*}
readonly dir=${NETLAB_DIR:-/run/ringkeep-netlab}
readonly token=${NETLAB_TOKEN:-netlab}
readonly bridge=rklab
readonly READY_S=60
declare -rA ADDRESSES=([n1]=172.23.0.3 [n2]=172.23.0.4 [n3]=172.23.0.5 [lb]=172.23.0.6 [client]=172.23.0.7)
readonly NODES=(n1 n2 n3)
readonly HOSTS=(n1 n2 n3 lb client)
PATH=$PATH:/usr/sbin:/sbin

fail () { printf 'netlab.sh: %s\n' "$*" >&2; exit 1; }
on () { local host=$1; shift; ip netns exec "rklab-$host" "$@"; }
is_host () { ip netns list | grep -qE "^rklab-$1( |\$)"; }

check () {
  [ "$(id -u)" -eq 0 ] || fail 'needs root'
  local program
  for program in ip memcached haproxy node curl; do
    command -v "$program" > /dev/null || fail "needs $program"
  done
  [ -f "$app/dist/src/main.js" ] || fail 'the application is not built: npm ci && npm run build'
}

make_network () {
  ip link add "$bridge" type bridge
  ip addr add 172.23.0.1/24 dev "$bridge"
  ip link set "$bridge" up
  local host
  for host in "${HOSTS[@]}"; do
    add_host "$host" "${ADDRESSES[$host]}/24" 172.23.0.1
    ip link set "rklab-$host" master "$bridge" up
  done
  # Beyond the router: another network, as the internet would be.
  add_host outside 203.0.113.7/24 203.0.113.1
  ip addr add 203.0.113.1/24 dev rklab-outside
  ip link set rklab-outside up
  sysctl -q -w net.ipv4.ip_forward=1
}

add_host () {
  local host=$1 address=$2 router=$3
  ip netns add "rklab-$host"
  ip link add "rklab-$host" type veth peer name eth0 netns "rklab-$host"
  on "$host" ip addr add "$address" dev eth0
  on "$host" ip link set eth0 up
  on "$host" ip link set lo up
  on "$host" ip route add default via "$router"
}

# The command line of a unit, with the variables of its environment in their place.
command_of () {
  local line
  line=$(sed -n 's/^ExecStart=//p' "$here/systemd/$1")
  line=${line//\$\{MEMORY_MB\}/128}
  printf '%s' "${line/#\/opt\/ringkeep\/node/$(command -v node)}"
}

# Starts a program on a host, in a session of its own and in a folder, with the words after its name as its
# environment and command.
launch () {
  local host=$1 folder=$2 name=$3
  shift 3
  (cd "$folder" && exec setsid ip netns exec "rklab-$host" env "$@" \
    > "$dir/$host.$name.log" 2>&1 < /dev/null) &
  echo $! > "$dir/$host.$name.pid"
}

start_node () {
  local host=$1 folder=$2 words
  read -ra words <<< "$(command_of ringkeep.service)"
  launch "$host" "$folder" node HOST=0.0.0.0 PORT=5000 "NODE_ADDRESS=${ADDRESSES[$host]}:5000" \
    STORAGE=memcached MEMCACHED=127.0.0.1:11311 WORKERS=2 \
    "STATE_DIR=$dir/$host" "CLUSTER_TOKEN=$token" REQUIRE_TOKEN=1 "${words[@]}"
}

start_memcached () {
  local host=$1 words
  read -ra words <<< "$(command_of ringkeep-memcached.service)"
  launch "$host" / memcached "${words[@]}" -u nobody
}

start_balancer () {
  local slots=()
  if [ "${NETLAB_SLOTS:-0}" = 1 ]; then
    : > "$dir/slots.map"
    slots=("RINGKEEP_SLOTS=$dir/slots.map" "RINGKEEP_SOCKET=$dir/haproxy.sock")
  fi
  launch lb "$app" haproxy RINGKEEP_USER=root RINGKEEP_GROUP=root RINGKEEP_MAXCONN=2000 "${slots[@]}" \
    "$(command -v haproxy)" -db -f "$app/haproxy.cfg"
  if [ "${#slots[@]}" -gt 0 ]; then
    launch lb "$app" slots "${slots[@]}" "CLUSTER_TOKEN=$token" "$(command -v node)" bin/ringkeep-slots.js
  fi
}

until_answers () {
  local host=$1 url=$2 until=$((SECONDS + READY_S))
  until on client curl -fs --max-time 2 -o /dev/null "$url"; do
    [ "$SECONDS" -lt "$until" ] || { tail -n 5 "$dir/$host".*.log >&2; fail "$host does not answer at $url"; }
    sleep 0.1
  done
}

up () {
  check
  if is_host n1; then fail 'is up already; down first'; fi
  forget
  (umask 077 && mkdir -p "$dir")
  [ -z "$(ls -A "$dir")" ] || fail "$dir is not empty; NETLAB_DIR names another folder"
  cat /proc/sys/net/ipv4/ip_forward > "$dir/ip_forward"
  make_network
  local host
  for host in "${NODES[@]}"; do
    mkdir -p "$dir/$host"
    start_memcached "$host"
    start_node "$host" "$app"
  done
  printf 'header = "Authorization: Bearer %s"\n' "$token" > "$dir/.curlrc"
  start_balancer
  for host in "${NODES[@]}"; do until_answers "$host" "http://${ADDRESSES[$host]}:5000/livez"; done
}

# Every process on a host, whoever started it there.
stop_all_on () {
  local pids
  pids=$(ip netns pids "rklab-$1" 2> /dev/null || true)
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -KILL $pids 2> /dev/null || true
}

down () {
  local host
  for host in "${HOSTS[@]}" outside; do
    stop_all_on "$host"
    ip link del "rklab-$host" 2> /dev/null || true
    ip netns del "rklab-$host" 2> /dev/null || true
  done
  ip link del "$bridge" 2> /dev/null || true
  [ ! -f "$dir/ip_forward" ] || sysctl -q -w "net.ipv4.ip_forward=$(cat "$dir/ip_forward")"
  forget
}

# Removes the folder if the lab has made it.
forget () { [ ! -f "$dir/ip_forward" ] || rm -rf "$dir"; }

restart () {
  local pid folder=${2:-$app}
  [ -f "$folder/dist/src/main.js" ] || fail "$folder holds no application that is built"
  pid=$(cat "$dir/$1.node.pid" 2> /dev/null) || fail "$1 has no node"
  kill -TERM "$pid"
  local until=$((SECONDS + 15))
  while kill -0 "$pid" 2> /dev/null; do
    if [ "$SECONDS" -ge "$((until + 5))" ]; then fail "$1 does not stop"; fi
    if [ "$SECONDS" -ge "$until" ]; then kill -KILL "$pid" 2> /dev/null || true; fi
    sleep 0.05
  done
  start_node "$1" "$folder"
}

main () {
  local command=${1:---help} host=${2:-}
  case $command in
    up) up ;;
    down) down ;;
    --help) printf '%s\n' "$HELP" ;;
    exec | restart | cut | slow | heal)
      is_host "$host" || fail "there is no host \"$host\"; up makes ${HOSTS[*]} and outside"
      shift 2
      case $command in
        exec)
          [ "$host" != client ] || export CURL_HOME=$dir
          on "$host" "$@" ;;
        restart) restart "$host" "$@" ;;
        cut) ip link set "rklab-$host" down ;;
        slow) on "$host" tc qdisc replace dev eth0 root netem delay "${1:?slow needs a number of ms}ms" ;;
        heal)
          ip link set "rklab-$host" up
          on "$host" tc qdisc del dev eth0 root 2> /dev/null || true ;;
      esac ;;
    *) fail "unknown command $command; --help lists them" ;;
  esac
}

main "$@"
