# shellcheck shell=bash
# What is asked of the operator, found on the machine, or kept from an earlier run: address, token, memory.

# A setting that an earlier run has left; empty: none.
setting () { { sed -n "s/^$1=//p" "$SETTINGS/node.env" 2> /dev/null || true; } | tail -n 1; }

is_own_address () {
  local host=$1 own
  for own in $(getent ahosts "$host" | awk '{ print $1 }' | sort -u) "$host"; do
    ip -o addr show | awk '{ print $4 }' | cut -d/ -f1 | grep -qxF "$own" && return 0
  done
  return 1
}

own_addresses () { hostname -I 2> /dev/null || ip -o addr show | awk '{ print $4 }' | cut -d/ -f1 | xargs; }

# The program that listens on a port.
listener_on () { ss -Hltnp "sport = :$1" | sed -n 's/.*users:((\("[^"]*"\).*/\1/p' | head -n 1; }

choose_address () {
  local before
  before=$(setting NODE_ADDRESS)
  [ -n "$address" ] || address=$before
  # An operator may have it listen on fewer addresses than all.
  host=$(setting HOST)
  host=${host:-0.0.0.0}
  if [ -z "$address" ]; then
    local own
    own=$(ip -o -4 route get 192.0.2.1 2> /dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p')
    [ -n "$own" ] || fail 'finds no address of this machine; name it: --address HOST:PORT'
    address=$own:5000
  fi
  [[ $address =~ ^[A-Za-z0-9._-]+:([1-9][0-9]{0,4})$ && ${BASH_REMATCH[1]} -le 65535 &&
    ${BASH_REMATCH[1]} -ne $MEMCACHED_PORT ]] ||
    fail "--address is HOST:PORT, not $address"
  if [ -n "$before" ] && [ "$address" != "$before" ]; then
    fail "this machine is node $before; to make it another one, remove_node it and --uninstall --purge first"
  fi
  is_own_address "${address%:*}" ||
    fail "${address%:*} is no address of this machine; its own are: $(own_addresses)"
  local port=${address##*:}
  if [ -z "$before" ] && ss -Hltn "sport = :$port" | grep -q .; then
    fail "port $port is in use by another program: $(listener_on "$port")"
  fi
}

choose_token () {
  local before
  before=$(setting CLUSTER_TOKEN)
  token=${CLUSTER_TOKEN:-$before}
  if [ -n "$before" ] && [ "$token" != "$before" ]; then
    fail "CLUSTER_TOKEN differs from the one in $SETTINGS/node.env; change it there, on all nodes"
  fi
  [ -n "$token" ] || token=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
  # What would mean something to systemd, to the shell or to curl is left out.
  [[ $token =~ ^[A-Za-z0-9._~+/=-]+$ ]] || fail 'CLUSTER_TOKEN consists of letters, digits and . _ ~ + / = -'
}

choose_memory () {
  memory_before=$(sed -n 's/^MEMORY_MB=//p' "$SETTINGS/memcached.env" 2> /dev/null || true)
  [ -n "$memory" ] || memory=$memory_before
  [ -n "$memory" ] || memory=$(awk '/^MemTotal:/ { print int($2 / 1024 * 0.6) }' /proc/meminfo)
  [[ $memory =~ ^[0-9]+$ && $memory -ge 64 ]] || fail "--memory is a number of MB from 64 on, not $memory"
}
