/** One line of a client's log. Times are the client's, in milliseconds since 1970. */
export type LogRecord =
  /** What somebody holds without having been given it through the API: the first administrator. */
  | { at: number; kind: "given"; email: string; role: string; ou: string }
  /** The clock of the tables was set: wrong by so many milliseconds from then on. */
  | { at: number; kind: "clock"; wrongByMs: number }
  /** Written before anything is sent. `marks` are the fields by which the effect can be told from every other. */
  | {
      at: number;
      kind: "intent";
      key: string;
      email: string;
      operation: string;
      ou: string;
      marks: Record<string, unknown>;
    }
  /** An attempt without an answer: nobody knows whether it had an effect. */
  | { at: number; kind: "cut"; key: string; why: string }
  | { at: number; kind: "answer"; key: string; status: number; requestId?: string; body?: unknown }
  /** What the client knows in the end. */
  | { at: number; kind: "end"; key: string; outcome: EndOutcome; target?: string };

export type EndOutcome = "applied" | "refused" | "denied" | "expired" | "cancelled" | "unknown";

/** What is wrong, and where. */
export interface Violation {
  kind: "lost" | "duplicated" | "unaudited" | "unauthorised" | "stuck" | "over-budget" | "leaked" | "not-recovered";
  what: string;
}
