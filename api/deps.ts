import type { Client } from "@temporalio/client";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { OperationDeps } from "../operations/submit.ts";
import type { Notifications } from "./notifications.ts";
import type { Definitions } from "./runs/definitions.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** What the API's routes are given. */
export interface ApiDeps extends OperationDeps {
  config: Config;
  temporal: Client;
  keys: SigningKeys;
  notifications: Notifications;
  /** The agent definitions that runs can be started with. */
  definitions: Definitions;
  unseal: (sealed: string) => string;
  log: Logger;
}

/** Who a request speaks for, and through whom. */
export interface Caller {
  organisationId: string;
  principalId: string;
  email: string;
  /** `agent:<id>`, `run:<id>` or `client:<name>`; empty for the person directly. */
  act: string;
  /** Our session id; empty for the person directly. */
  sid: string;
  /** The one operation a delegated token was made for. */
  op: string | null;
  /** Hash of the browser sign-in the request came by; absent when it came by a token. */
  consoleSession?: string;
}
