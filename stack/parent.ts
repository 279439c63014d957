/** Set by the supervisor on the parts that are linked to it through their stdin. */
export const parentLinkVariable = "POWERLOOM_PARENT_LINK";

/**
 * Ends this process gracefully when the process that started it is gone, even if that one was killed with SIGKILL: the
 * kernel then closes the pipe on our stdin. By default the process sends itself SIGTERM, so that its usual shutdown
 * runs. Without a parent link (started by hand, stdin from a terminal or /dev/null) nothing happens.
 */
export function exitWhenParentGoes(onGone: () => void = () => process.kill(process.pid, "SIGTERM")): void {
  let told = false;
  const gone = () => {
    if (told) return;
    told = true;
    onGone();
  };
  if (process.connected) process.once("disconnect", gone);
  if (process.env[parentLinkVariable] !== "stdin") return;
  process.stdin.once("end", gone).once("close", gone).once("error", gone);
  process.stdin.resume();
  // The link alone must not keep a process alive that has finished its work.
  (process.stdin as { unref?: () => void }).unref?.();
}
