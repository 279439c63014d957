import type { Request, Response } from "express";
import type { Config } from "../../config.ts";

type Origin = Pick<Config, "apiUrl">;

const isSecure = ({ apiUrl }: Origin) => apiUrl.startsWith("https://");

/** With https no other host, no subdomain and no plain page can set it (RFC 6265bis, `__Host-`). */
const nameOf = (config: Origin, name: string) => (isSecure(config) ? `__Host-${name}` : name);

/** The cookie that holds a browser's sign-in. */
export const sessionCookieName = (config: Origin): string => nameOf(config, "powerloom_session");
/** The cookie that holds what a sign-in under way must remember. */
export const signInCookieName = (config: Origin): string => nameOf(config, "powerloom_sign_in");

/** The first cookie of this name, or undefined. */
export function readCookie(req: Request, name: string): string | undefined {
  for (const part of (req.get("cookie") ?? "").split(";")) {
    const [key = "", ...value] = part.split("=");
    if (key.trim() === name) return value.join("=").trim();
  }
  return undefined;
}

/** Set for this origin alone, out of reach of scripts. `lax`: also sent when another site's page leads here. */
export function setCookie(
  res: Response,
  config: Origin,
  name: string,
  value: string,
  options: { sameSite: "strict" | "lax"; seconds: number },
): void {
  res.cookie(name, value, {
    httpOnly: true,
    secure: isSecure(config),
    sameSite: options.sameSite,
    path: "/",
    maxAge: options.seconds * 1000,
  });
}

export function clearCookie(res: Response, config: Origin, name: string, sameSite: "strict" | "lax"): void {
  res.clearCookie(name, { httpOnly: true, secure: isSecure(config), sameSite, path: "/" });
}
