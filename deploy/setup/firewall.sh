# shellcheck shell=bash
# The firewall, which lets in ssh and the node's port.

# Once only: what the operator does with the firewall afterwards, or wants to do without this, is not undone
# by an upgrade.
open_firewall () {
  [ ! -e "$SETTINGS/firewall-is-decided" ] || return 0
  if [ "$firewall" = yes ]; then set_firewall; fi
  touch "$SETTINGS/firewall-is-decided"
}

ssh_ports () {
  { sshd -T | awk '$1 == "port" { print $2 }'; ss -Hltnp | awk '/"sshd"/ { print $4 }' | sed 's/.*://'; } \
    2> /dev/null | sort -u
}

set_firewall () {
  has_systemd || { say 'the firewall is left as it is, as systemd does not run here'; return 0; }
  local other port
  for other in netfilter-persistent firewalld; do
    if is_installed "$other"; then
      say "the firewall is left to $other, which is installed; let in port ${address##*:} there"
      return 0
    fi
  done
  apt_install ufw
  for port in 22 $(ssh_ports); do ufw allow "$port/tcp" > /dev/null; done
  ufw allow "${address##*:}/tcp" comment ringkeep > /dev/null
  ufw --force enable > /dev/null
  say "the firewall lets in: ssh, and the node's port ${address##*:}"
}
