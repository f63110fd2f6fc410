#!/usr/bin/env bash
# A fresh Ubuntu or Debian machine becomes a Ringkeep node. Run again with a newer copy of Ringkeep it is an upgrade in place: the
# pairs and the ring stay, and requests wait for the moment that the node takes to start. `--help` says what it takes.
set -euo pipefail
umask 022

readonly HELP='usage: sudo ./setup.sh [options]

Makes this machine a Ringkeep node: Node.js, a Memcached of its own on the loopback, the service under systemd, a firewall.
Run it again to upgrade in place.

  --address HOST:PORT   by which the other nodes reach this one (default: the address of the default route, port 5000)
  --memory MB           for the pairs (default: 60% of the memory of the machine)
  --no-firewall         leave the firewall as it is, now and at upgrades
  --uninstall           remove the service and the application; settings and state stay
  --purge               with --uninstall: remove them too
  --help

The cluster token is made up on the first node and kept in /etc/ringkeep/node.env. Give it to the others as CLUSTER_TOKEN in the environment:
  export CLUSTER_TOKEN=...; sudo --preserve-env=CLUSTER_TOKEN ./setup.sh'

readonly MIN_NODE=20.18.1
readonly APP=/opt/ringkeep
readonly SETTINGS=/etc/ringkeep
readonly STATE=/var/lib/ringkeep
readonly UNITS=/etc/systemd/system
readonly UNIT_NAMES=(ringkeep.socket ringkeep.service ringkeep-memcached.service)
readonly NEEDRESTART=/etc/needrestart/conf.d/ringkeep.conf
readonly MEMCACHED_PORT=11311
# A node answers within so many seconds, and so many starts by systemd.
readonly START_S=30 START_TRIES=5
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly source_dir

address='' host=0.0.0.0 previous='' memory='' memory_before='' firewall=yes uninstall=no purge=no

say () { printf 'setup.sh: %s\n' "$*"; }
fail () { printf 'setup.sh: %s\n' "$*" >&2; exit 1; }

parse_arguments () {
  while [ $# -gt 0 ]; do
    case $1 in
      --address) address=${2:?--address needs HOST:PORT}; shift ;;
      --memory) memory=${2:?--memory needs a number of MB}; shift ;;
      --no-firewall) firewall=no ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      --help) printf '%s\n' "$HELP"; exit 0 ;;
      *) fail "unknown option $1; --help lists them" ;;
    esac
    shift
  done
}

has_systemd () { [ -d /run/systemd/system ]; }

check_machine () {
  [ "$(id -u)" -eq 0 ] || fail 'needs root: sudo ./setup.sh'
  [ -r /etc/os-release ] || fail 'is for Ubuntu 22.04, 24.04 and Debian 12; this machine does not say what it is'
  local release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release; echo "$ID $VERSION_ID")
  case $release in
    'ubuntu 22.04' | 'ubuntu 24.04' | 'debian 12' | 'debian 13') ;;
    *) fail "is for Ubuntu 22.04, 24.04 and Debian 12, 13; this machine is $release" ;;
  esac
  has_systemd || say 'systemd does not run here: the units are installed, and not started'
}

# A setting that an earlier run has left; empty: none.
setting () { { sed -n "s/^$1=//p" "$SETTINGS/node.env" 2> /dev/null || true; } | tail -n 1; }

is_own_address () {
  local host=$1 own
  for own in $(getent ahosts "$host" | awk '{ print $1 }' | sort -u) "$host"; do
    ip -o addr show | awk '{ print $4 }' | cut -d/ -f1 | grep -qxF "$own" && return 0
  done
  return 1
}

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
  [[ $address =~ ^[A-Za-z0-9._-]+:([1-9][0-9]{0,4})$ && ${BASH_REMATCH[1]} -le 65535 && ${BASH_REMATCH[1]} -ne $MEMCACHED_PORT ]] || fail "--address is HOST:PORT, not $address"
  if [ -n "$before" ] && [ "$address" != "$before" ]; then fail "this machine is node $before; to make it another one, remove_node it and --uninstall --purge first"; fi
  is_own_address "${address%:*}" || fail "${address%:*} is no address of this machine; its own are: $(hostname -I 2> /dev/null || ip -o addr show | awk '{ print $4 }' | cut -d/ -f1 | xargs)"
  local port=${address##*:}
  if [ -z "$before" ] && ss -Hltn "sport = :$port" | grep -q .; then fail "port $port is in use by another program: $(ss -Hltnp "sport = :$port" | sed -n 's/.*users:((\("[^"]*"\).*/\1/p' | head -n 1)"; fi
}

choose_token () {
  local before
  before=$(setting CLUSTER_TOKEN)
  token=${CLUSTER_TOKEN:-$before}
  if [ -n "$before" ] && [ "$token" != "$before" ]; then
    fail "CLUSTER_TOKEN differs from the one in $SETTINGS/node.env; change it there, on all nodes, if that is what you want"
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

is_installed () { dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q '^install ok installed'; }

apt_install () {
  local missing=() package
  for package in "$@"; do
    # An old Node.js is installed and yet missing.
    if [ "$package" = nodejs ] || ! is_installed "$package"; then missing+=("$package"); fi
  done
  [ "${#missing[@]}" -eq 0 ] && return 0
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  # A fresh machine may be busy with upgrades of its own for some minutes.
  if ! { apt-get -o DPkg::Lock::Timeout=300 update -q && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    fail "cannot install ${missing[*]} from the package sources; run this again when that is mended"
  fi
  rm -f "$log"
}

# True if the program is there, new enough, and one that the service may use: not in somebody's home.
is_node () { local version; [[ $1 != /root/* && $1 != /home/* && $1 != /snap/* ]] && version=$("$1" --version 2> /dev/null) && [ "$(printf '%s\n' "$MIN_NODE" "${version#v}" | sort -V | head -n 1)" = "$MIN_NODE" ]; }

candidate_version () { apt-cache policy nodejs 2> /dev/null | sed -n 's/^ *Candidate: //p'; }

install_node () {
  node=$(command -v node || true)
  if [ -z "$node" ] || ! is_node "$node"; then
    local candidate
    candidate=$(candidate_version)
    if [ "$(printf '%s\n' "$MIN_NODE" "$candidate" | sort -V | head -n 1)" != "$MIN_NODE" ]; then add_nodesource; fi
    apt_install nodejs
    node=$(command -v node)
  fi
  is_node "$node" || fail "needs Node.js $MIN_NODE or newer, for all users; $node is $("$node" --version)"
  command -v npm > /dev/null || apt_install npm
}

add_nodesource () {
  apt_install curl gnupg
  say 'adding the package source of NodeSource, for Node.js 22'
  local key
  key=$(mktemp)
  curl -fsS --max-time 60 https://deb.nodesource.com/gpgkey/nodesource-repo.gpg.key > "$key" || fail 'cannot reach deb.nodesource.com for Node.js; install Node.js yourself and run this again'
  mkdir -p /etc/apt/keyrings
  gpg --batch --yes --dearmor -o /etc/apt/keyrings/nodesource.gpg < "$key"
  rm -f "$key"
  echo 'deb [signed-by=/etc/apt/keyrings/nodesource.gpg] https://deb.nodesource.com/node_22.x nodistro main' > /etc/apt/sources.list.d/nodesource.list
  apt-get update -q > /dev/null
}

# The distribution's own instance, which its package starts, is not ours to run; one that was there before is left alone.
install_memcached () {
  local had=no
  command -v memcached > /dev/null && had=yes
  apt_install memcached
  if [ "$had" = no ] && has_systemd; then systemctl disable --now memcached.service > /dev/null 2>&1; fi
  local flags
  flags=$(pgrep -af "memcached .*-p $MEMCACHED_PORT\\b" || true)
  if [ -n "$flags" ] && [[ $flags != *"-l 127.0.0.1 -p $MEMCACHED_PORT -U 0 -M"* ]]; then fail "a Memcached with other flags runs on port $MEMCACHED_PORT: ${flags#* }"; fi
}

add_user () { id "$1" > /dev/null 2>&1 || useradd --system --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$1"; }

# A release is built beside the present one and takes its place at one moment; a run that ends half-way leaves the present one.
install_application () {
  local release new
  release=$APP/releases/$(date -u +%Y%m%d%H%M%S)
  new=$APP/releases/.new
  say "building the application in $release"
  rm -rf "$new"
  mkdir -p "$new"
  tar -C "$source_dir" --exclude ./node_modules --exclude ./.git --exclude ./dist --exclude ./.tap -cf - . | tar -C "$new" --no-same-owner -xf -
  local log
  log=$(mktemp)
  if ! (cd "$new" && npm ci && npm run build && npm prune --omit=dev) > "$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -rf "$log" "$new"
    fail 'cannot build the application (is the npm registry reachable?); nothing was changed'
  fi
  rm -f "$log"
  chmod -R a+rX,go-w "$new"
  mv "$new" "$release"
  previous=$(readlink "$APP/current" || true)
  point_at "$release"
  ln -sfn "$node" "$APP/.node"
  mv -T "$APP/.node" "$APP/node"
}

# At one moment: there is always a whole release to run.
point_at () {
  ln -sfn "$1" "$APP/.current"
  mv -T "$APP/.current" "$APP/current"
}

# The release before stays, to go back to.
drop_old_releases () {
  local release
  for release in "$APP"/releases/*; do
    if [ "$release" != "$(readlink "$APP/current")" ] && [ "$release" != "$previous" ]; then rm -rf "$release"; fi
  done
}

# Written beside and renamed, so that a run that ends half-way leaves whole files.
put () {
  local path=$1 mode=$2 group=$3
  (umask 077 && cat > "$path.new")
  chown "root:$group" "$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
}

write_settings () {
  mkdir -p "$SETTINGS"
  local port=${address##*:} listen=$host
  [[ $host != *:* ]] || listen="[$host]"
  { printf '%s\n' "HOST=$host" "PORT=$port" "NODE_ADDRESS=$address" STORAGE=memcached "MEMCACHED=127.0.0.1:$MEMCACHED_PORT" "STATE_DIR=$STATE" "CLUSTER_TOKEN=$token" REQUIRE_TOKEN=1
    # What the operator has added stays.
    grep -vE '^(HOST|PORT|NODE_ADDRESS|STORAGE|MEMCACHED|STATE_DIR|CLUSTER_TOKEN|REQUIRE_TOKEN)=' "$SETTINGS/node.env" 2> /dev/null || true
  } | put "$SETTINGS/node.env" 640 ringkeep
  echo "MEMORY_MB=$memory" | put "$SETTINGS/memcached.env" 644 root
  # Upgrades of the system may restart what uses a new library; this one would be empty afterwards.
  mkdir -p "${NEEDRESTART%/*}"
  # shellcheck disable=SC2016
  echo '$nrconf{override_rc}{qr(^ringkeep-memcached)} = 0;' | put "$NEEDRESTART" 644 root
  local unit
  for unit in "${UNIT_NAMES[@]}"; do
    sed "s/^ListenStream=0.0.0.0:5000\$/ListenStream=$listen:$port/" "$source_dir/deploy/systemd/$unit" | put "$UNITS/$unit" 644 root
  done
}

# Once only: what the operator does with the firewall afterwards, or wants to do without this, is not undone by an upgrade.
open_firewall () {
  [ ! -e "$SETTINGS/firewall-is-decided" ] || return 0
  if [ "$firewall" = yes ]; then set_firewall; fi
  touch "$SETTINGS/firewall-is-decided"
}

set_firewall () {
  has_systemd || { say 'the firewall is left as it is, as systemd does not run here'; return 0; }
  local other port
  for other in netfilter-persistent firewalld; do
    if is_installed "$other"; then say "the firewall is left to $other, which is installed; let in port ${address##*:} there"; return 0; fi
  done
  apt_install ufw
  for port in 22 $({ sshd -T | awk '$1 == "port" { print $2 }'; ss -Hltnp | awk '/"sshd"/ { print $4 }' | sed 's/.*://'; } 2> /dev/null | sort -u); do ufw allow "$port/tcp" > /dev/null; done
  ufw allow "${address##*:}/tcp" comment ringkeep > /dev/null
  ufw --force enable > /dev/null
  say "the firewall lets in: ssh, and the node's port ${address##*:}"
}

# True once the node answers and reaches its storage.
answers () {
  local scheme=http own=$host answer
  if [ "$host" = 0.0.0.0 ] || [ "$host" = :: ]; then own=127.0.0.1; elif [[ $host == *:* ]]; then own="[$host]"; fi
  [ -z "$(setting TLS_CERT)" ] || scheme=https
  # Whose certificate it is does not matter here: it is this machine's own port.
  answer=$(curl -ks --max-time 2 "$scheme://$own:${address##*:}/readyz") && [ -n "$answer" ] && [[ $answer != *KV_ERR_STORAGE* && $answer != *KV_ERR_STOPPING* ]]
}

start () {
  has_systemd || return 0
  systemctl daemon-reload
  systemctl enable -q "${UNIT_NAMES[@]}"
  systemctl start ringkeep-memcached.service ringkeep.socket
  systemctl restart ringkeep.service
  if [ -n "$memory_before" ] && [ "$memory" != "$memory_before" ]; then say 'the new --memory holds when ringkeep-memcached is restarted, which empties it: one node at a time'; fi
  if answers_in_time; then return 0; fi
  journalctl -u ringkeep.service -n 5 --no-pager >&2 || true
  [ -n "$previous" ] || fail "the node does not answer; journalctl -u ringkeep.service says more"
  point_at "$previous"
  systemctl restart ringkeep.service
  answers_in_time || fail "neither the new release nor the one before, $previous, answers; journalctl -u ringkeep.service says more"
  fail "the new release does not answer; the one before, $previous, runs again"
}

# False early if it ends as often as it is started.
answers_in_time () {
  local end=$((SECONDS + START_S))
  until answers; do
    [ "$SECONDS" -lt "$end" ] && [ "$(systemctl show --property NRestarts --value ringkeep.service)" -lt "$START_TRIES" ] || return 1
    sleep 0.2
  done
}

remove () {
  if has_systemd; then
    systemctl disable -q --now "${UNIT_NAMES[@]}" 2> /dev/null || true
  fi
  if command -v ufw > /dev/null && has_systemd; then ufw delete allow "$(setting PORT)/tcp" > /dev/null 2>&1 || true; fi
  local unit
  for unit in "${UNIT_NAMES[@]}"; do rm -f "$UNITS/$unit"; done
  if has_systemd; then systemctl daemon-reload; fi
  rm -rf "$APP" "$NEEDRESTART"
  if [ "$purge" = yes ]; then
    rm -rf "$SETTINGS" "$STATE"
    for user in ringkeep ringkeep-memcached; do if id "$user" > /dev/null 2>&1; then userdel "$user"; fi; done
    say 'removed, with settings and state'
  else
    say "removed, and the pairs with its Memcached; settings stay in $SETTINGS, the ring in $STATE"
  fi
}

main () {
  parse_arguments "$@"
  check_machine
  if [ "$uninstall" = yes ]; then remove; return 0; fi
  apt_install ca-certificates curl iproute2 procps
  choose_address
  choose_token
  choose_memory
  install_node
  install_memcached
  add_user ringkeep
  add_user ringkeep-memcached
  install_application
  write_settings
  open_firewall
  start
  drop_old_releases
  say "this machine is node $address; its settings are in $SETTINGS/node.env, the cluster token too"
  say 'when all nodes are set up: ./reconfigure.sh'
}

main "$@"
