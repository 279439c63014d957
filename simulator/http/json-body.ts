import express, { type RequestHandler } from "express";

/** Parses a JSON body on the routes that take one, so that an unknown route is a 404 whatever its body. */
export const jsonBody: RequestHandler = express.json({ limit: "32mb", type: () => true, strict: true });
