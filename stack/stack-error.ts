/** A fault of the local stack that a person can act on: its message is one clear sentence, shown without a stack. */
export class StackError extends Error {
  override readonly name = "StackError";
}
