import { runStdio } from "../../../mcp-server/stdio.ts";

const { API_URL = "", TOKEN = "", CLIENT = "" } = process.env;
await runStdio({ apiUrl: API_URL, token: () => TOKEN, clientName: CLIENT, server: "runs" });
