/** What of /proc/sys decides about user namespaces; null where the kernel does not have the setting. */
export interface NamespaceSettings {
  unprivilegedClone: string | null;
  appArmorRestricts: string | null;
  mostUserNamespaces: string | null;
}

/** From bwrap's last words and the kernel's settings to what an operator can do. Pure. */
export function explainFailure(stderr: string, settings: NamespaceSettings): string {
  const said = stderr.trim().split("\n").at(-1)?.slice(0, 300) || "it said nothing";
  return `${callThatFailed(stderr)} (${said}). ${advice(stderr, settings)}`;
}

function callThatFailed(stderr: string): string {
  if (/^unshare:/m.test(stderr)) return "unshare(CLONE_NEWNS) is refused to root";
  if (/^mount:/m.test(stderr)) return "mount(2) is refused to root in a mount namespace of its own";
  if (/^setpriv:/m.test(stderr)) return "setresuid(2) to an ordinary user is refused";
  if (/creat\w* new namespace|No permissions to create/i.test(stderr))
    return "clone(CLONE_NEWUSER) is refused: no user namespace can be made";
  if (/uid map|gid map|setgroups/i.test(stderr)) return "writing /proc/self/uid_map is refused";
  if (/mount proc/i.test(stderr)) return 'mount("proc") is refused inside the new namespaces';
  if (/loopback|RTM_NEWADDR|RTM_NEWLINK/.test(stderr)) return "setting up the loopback interface is refused";
  if (/seccomp/i.test(stderr)) return "prctl(PR_SET_SECCOMP) is refused";
  if (/\bmount\b|pivot_root/i.test(stderr)) return "mount(2) is refused inside the new namespaces";
  return "bwrap failed";
}

function advice(stderr: string, settings: NamespaceSettings): string {
  if (settings.unprivilegedClone === "0") return "Allow user namespaces: sysctl -w kernel.unprivileged_userns_clone=1";
  if (settings.mostUserNamespaces === "0") return "Allow user namespaces: sysctl -w user.max_user_namespaces=15000";
  if (settings.appArmorRestricts === "1")
    return (
      "AppArmor restricts user namespaces: give /usr/bin/bwrap a profile with `userns,`, or " +
      "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    );
  if (/mount proc/i.test(stderr))
    return "A container runtime masks /proc: with Docker, --security-opt systempaths=unconfined";
  return (
    "No sysctl forbids it, so a container runtime or a security module does: with Docker, " +
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
  );
}
