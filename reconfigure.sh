#!/usr/bin/env bash
# Clears and seeds the rings of the nodes listed here, and prints the ring and the list of servers for
# HAProxy. `--help` says more.
set -euo pipefail

# --- the cluster: edit this ---------------------------------------------------------------------------------
# A line for each node: its host:port, then its tokens (0 to 9999), none for a standby. A file of such lines
# may be named with --nodes.
NODES='
172.23.0.3:5000 3000
172.23.0.4:5000 8000
172.23.0.5:5000
'
# How many nodes keep each key.
REPLICAS=3
# ------------------------------------------------------------------------------------------------------------

readonly HELP='usage: ./reconfigure.sh [--nodes FILE] [--replicas N] [--ca FILE] [--wipe] [--haproxy FILE]

Seeds every node that is listed at the top of this file, or in FILE, with one and the same ring. Nothing
is changed unless all of them answer and take the token. Nodes are added to a ring that is in use with
add_node, not with this.

  --nodes FILE     lines of "host:port token token ..." instead of those at the top
  --replicas N     how many nodes keep each key
  --ca FILE        the nodes speak TLS, with certificates of this authority
  --wipe           empty nodes that hold pairs; without it the presence of pairs is an error
  --haproxy FILE   write haproxy.cfg with these nodes as its servers to FILE
  --help

The cluster token is CLUSTER_TOKEN in the environment, or that of /etc/ringkeep/node.env on this machine.'

readonly ANSWER_S=5
readonly READY_S=60
readonly WIPE_S=600
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

wipe=no haproxy='' scheme=http authority=()

fail () { printf 'reconfigure.sh: %s\n' "$*" >&2; exit 1; }

parse_arguments () {
  while [ $# -gt 0 ]; do
    case $1 in
      --nodes)
        [ -r "${2:-}" ] || fail "--nodes needs a file that can be read"
        NODES=$(cat "$2"); shift ;;
      --replicas) REPLICAS=${2:-}; shift ;;
      --ca)
        [ -r "${2:-}" ] || fail "--ca needs a file that can be read"
        scheme=https authority=(--cacert "$2"); shift ;;
      --wipe) wipe=yes ;;
      --haproxy) haproxy=${2:-}; [ -n "$haproxy" ] || fail '--haproxy needs a file'; shift ;;
      --help) printf '%s\n' "$HELP"; exit 0 ;;
      *) fail "unknown option $1; --help lists them" ;;
    esac
    shift
  done
}

# Sets `nodes`, all that are listed, and `members`, the JSON of their tokens.
read_nodes () {
  nodes=() members=''
  local node tokens token seen=' '
  while read -r node tokens; do
    if [ -z "$node" ] || [ "${node:0:1}" = '#' ]; then continue; fi
    [[ $node =~ ^[A-Za-z0-9._-]+:[0-9]{1,5}$ ]] || fail "a node is host:port, not $node"
    [[ " ${nodes[*]} " != *" $node "* ]] || fail "$node is listed twice"
    nodes+=("$node")
    for token in $tokens; do
      [[ $token =~ ^[0-9]{1,4}$ ]] || fail "a token is a number from 0 to 9999, not $token"
      token=$((10#$token))
      [[ $seen != *" $token "* ]] || fail "token $token is listed twice"
      seen+="$token "
      members+="${members:+,}{\"ip\":\"$node\",\"key\":$token}"
    done
  done <<< "$NODES"
  [ "${#nodes[@]}" -gt 0 ] || fail 'no node is listed'
  [ -n "$members" ] || fail 'no node has a token'
  [[ $REPLICAS =~ ^[0-9]+$ && $REPLICAS -ge 1 && $REPLICAS -le 16 ]] ||
    fail "replicas are a number from 1 to 16, not $REPLICAS"
}

# The token goes to curl by its standard input, as arguments are for all to see.
ask () {
  local token=${CLUSTER_TOKEN:-}
  curl -sS --max-time "$ANSWER_S" "${authority[@]}" -K - "$@" \
    <<< "${token:+header = \"Authorization: Bearer $token\"}"
}

status_of () { ask -o /dev/null -w '%{http_code}' "$@" 2> /dev/null || true; }

check_nodes () {
  local node status answer
  for node in "${nodes[@]}"; do
    answer=$(ask "$scheme://$node/livez" 2> /dev/null || true)
    [[ $answer == *'"alive":true'* ]] || fail "$node does not answer; nothing was changed"
    # The ring knows a node by its NODE_ADDRESS, and by no other name.
    [[ $answer == *"\"node\":\"$node\""* ]] ||
      fail "$node calls itself by another address: $answer; nothing was changed"
    status=$(status_of "$scheme://$node/hash_ring")
    case $status in
      200 | 503) ;;
      401) fail "$node has another CLUSTER_TOKEN; nothing was changed" ;;
      *) fail "$node answers $status to /hash_ring; nothing was changed" ;;
    esac
    note_generation "$node"
    if [ "$wipe" = no ]; then check_empty "$node"; fi
  done
}

# A node takes no older generation than it has, and that may come from a machine whose clock was ahead.
note_generation () {
  local present
  present=$({ ask "$scheme://$1/hash_ring" 2> /dev/null || true; } |
    sed -n 's/.*"generation":\([0-9]*\).*/\1/p')
  if [ -n "$present" ] && [ "$present" -ge "$generation" ]; then generation=$((present + 1)); fi
}

# The first two characters of the list tell.
check_empty () {
  local begin
  begin=$({ ask "$scheme://$1/fetch_keys" 2> /dev/null || true; } | head -c 2)
  case $begin in
    '[]') ;;
    '[[') fail "$1 holds pairs; --wipe empties it. Nothing was changed" ;;
    *) fail "$1 does not tell whether it holds pairs; is its Memcached there? Nothing was changed" ;;
  esac
}

seed () {
  local node answer data
  data="{\"nodes\":[$members],\"replicas\":$REPLICAS,\"generation\":$generation}"
  if [ "$wipe" = yes ]; then
    for node in "${nodes[@]}"; do
      answer=$(ask --max-time "$WIPE_S" "$scheme://$node/clear_cache" 2>&1 || true)
      [ "$answer" = OK ] || fail "$node could not be emptied: $answer"
    done
  fi
  for node in "${nodes[@]}"; do
    answer=$(ask --data-urlencode "data=$data" "$scheme://$node/hash_ring" 2>&1 || true)
    [ "$answer" = OK ] || fail "$node did not take the ring: $answer; run this again"
  done
}

wait_until_ready () {
  local node until=$((SECONDS + READY_S))
  for node in "${nodes[@]}"; do
    until [ "$(status_of "$scheme://$node/readyz")" = 200 ]; do
      [ "$SECONDS" -lt "$until" ] || fail "$node is not ready: $(ask "$scheme://$node/readyz" 2>&1)"
      sleep 0.2
    done
  done
}

server_lines () {
  local i
  for i in "${!nodes[@]}"; do printf '  server n%d %s\n' "$((i + 1))" "${nodes[i]}"; done
}

# The servers of haproxy.cfg are the lines that begin with `  server n`.
write_haproxy () {
  local lines
  lines=$(server_lines)
  awk -v lines="$lines" '/^  server n[0-9]+ / { if (!done) print lines; done = 1; next } { print }' \
    "$here/haproxy.cfg" > "$haproxy.new"
  mv "$haproxy.new" "$haproxy"
}

main () {
  parse_arguments "$@"
  read_nodes
  if [ -z "${CLUSTER_TOKEN:-}" ] && [ -r /etc/ringkeep/node.env ]; then
    CLUSTER_TOKEN=$(sed -n 's/^CLUSTER_TOKEN=//p' /etc/ringkeep/node.env)
  fi
  [[ ${CLUSTER_TOKEN:-} =~ ^[A-Za-z0-9._~+/=-]*$ ]] ||
    fail 'CLUSTER_TOKEN consists of letters, digits and . _ ~ + / = -'
  generation=$(date +%s%3N)
  check_nodes
  seed
  wait_until_ready
  ask "$scheme://${nodes[0]}/hash_ring"
  printf '\n\n# servers for HAProxy\n'
  server_lines
  if [ -n "$haproxy" ]; then write_haproxy; fi
}

main "$@"
