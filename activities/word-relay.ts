const everyMs = 50;
/** PostgreSQL takes 8,000 bytes a notification; a character takes six of them when JSON has to escape it. */
const mostCharacters = 1_200;

export interface WordRelay {
  text(delta: string): void;
  /** Passes on what is left. */
  close(): void;
}

/**
 * Passes on what one speaker says as it comes: not more than one notification in 50 ms, one after the other. Each is JSON
 * of `about`, whose first field is the id that watchers listen for, of `at`, the place of these words in what is said (in
 * UTF-16 units), and of `text`. Words that are lost on the way are in what is stored.
 */
export function wordRelay(
  notify: (payload: string) => Promise<unknown>,
  about: Readonly<Record<string, string>>,
): WordRelay {
  let pending = "";
  let at = 0;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<unknown> = Promise.resolve();
  const pass = () => {
    const text = pending.slice(0, mostCharacters);
    const payload = JSON.stringify({ ...about, at, text });
    pending = pending.slice(text.length);
    at += text.length;
    sending = sending.then(() => notify(payload)).catch(() => undefined);
  };
  const tick = () => {
    pass();
    timer = pending === "" ? undefined : setTimeout(tick, everyMs);
  };
  return {
    text(delta) {
      pending += delta;
      if (pending !== "") timer ??= setTimeout(tick, everyMs);
    },
    close() {
      clearTimeout(timer);
      timer = undefined;
      while (pending !== "") pass();
    },
  };
}
