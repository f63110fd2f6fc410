#!/usr/bin/env bash
# A fresh Ubuntu or Debian machine becomes a Ringkeep node. Run again with a newer copy of Ringkeep it is an
# upgrade in place: the pairs and the ring stay, and requests wait for the moment that the node takes to
# start. `--help` says what it takes.
set -euo pipefail
umask 022

readonly HELP='usage: sudo ./setup.sh [options]

Makes this machine a Ringkeep node: Node.js, a Memcached of its own on the loopback, the service under
systemd, a firewall. Run it again to upgrade in place.

  --address HOST:PORT   by which the other nodes reach this one (default: the address of the
                        default route, port 5000)
  --memory MB           for the pairs (default: 60% of the memory of the machine)
  --no-firewall         leave the firewall as it is, now and at upgrades
  --uninstall           remove the service and the application; settings and state stay
  --purge               with --uninstall: remove them too
  --help

The cluster token is made up on the first node and kept in /etc/ringkeep/node.env. Give it to the others
as CLUSTER_TOKEN in the environment:
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
has_systemd () { [ -d /run/systemd/system ]; }

# shellcheck source=deploy/setup/choices.sh
. "$source_dir/deploy/setup/choices.sh"
# shellcheck source=deploy/setup/programs.sh
. "$source_dir/deploy/setup/programs.sh"
# shellcheck source=deploy/setup/settings.sh
. "$source_dir/deploy/setup/settings.sh"
# shellcheck source=deploy/setup/release.sh
. "$source_dir/deploy/setup/release.sh"
# shellcheck source=deploy/setup/firewall.sh
. "$source_dir/deploy/setup/firewall.sh"

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

check_machine () {
  [ "$(id -u)" -eq 0 ] || fail 'needs root: sudo ./setup.sh'
  [ -r /etc/os-release ] ||
    fail 'is for Ubuntu 22.04, 24.04 and Debian 12; this machine does not say what it is'
  local release
  # shellcheck source=/dev/null
  release=$(. /etc/os-release; echo "$ID $VERSION_ID")
  case $release in
    'ubuntu 22.04' | 'ubuntu 24.04' | 'debian 12' | 'debian 13') ;;
    *) fail "is for Ubuntu 22.04, 24.04 and Debian 12, 13; this machine is $release" ;;
  esac
  has_systemd || say 'systemd does not run here: the units are installed, and not started'
}

add_user () {
  id "$1" > /dev/null 2>&1 ||
    useradd --system --home-dir "$STATE" --no-create-home --shell /usr/sbin/nologin "$1"
}

remove () {
  if has_systemd; then
    systemctl disable -q --now "${UNIT_NAMES[@]}" 2> /dev/null || true
  fi
  if command -v ufw > /dev/null && has_systemd; then
    ufw delete allow "$(setting PORT)/tcp" > /dev/null 2>&1 || true
  fi
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
