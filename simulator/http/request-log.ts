import type { RequestHandler } from "express";
import { newId, timestamp } from "../ids.ts";

export interface RequestRecord {
  at: string;
  method: string;
  path: string;
  /** 0 when the connection was dropped before an answer. */
  status: number;
  request_id: string;
  /** From its arrival to the end of its answer, milliseconds; null while it is being answered. */
  ms: number | null;
}

const kept = 20_000;

/** Gives each request its id and keeps a list of what was received: never headers, queries or bodies. */
export function requestLog(observe: (record: RequestRecord) => void) {
  let records: RequestRecord[] = [];
  const middleware: RequestHandler = (req, res, next) => {
    const requestId = newId("req");
    res.locals["requestId"] = requestId;
    res.setHeader("request-id", requestId);
    const since = performance.now();
    const record: RequestRecord = {
      at: timestamp(),
      method: req.method,
      path: req.path,
      status: 0,
      request_id: requestId,
      ms: null,
    };
    records.push(record);
    if (records.length > kept) records = records.slice(-kept / 2);
    res.once("close", () => {
      if (res.writableFinished || res.headersSent) record.status = res.statusCode;
      record.ms = performance.now() - since;
      observe(record);
    });
    next();
  };
  return {
    middleware,
    records: () => records,
    clear: () => {
      records = [];
    },
  };
}
