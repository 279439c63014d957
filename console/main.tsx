import "@fontsource-variable/inter/wght.css";
import "@mantine/core/styles.css";
import "./page.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { router } from "./router.tsx";
import { readableColors, theme } from "./theme.ts";
import { queryClient } from "./wire/client.ts";

// The server writes a fresh one into every page: without it the content security policy lets no <style> in.
const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
// Dialogs keep the page behind them from scrolling by a <style> of a library that looks for the nonce here.
Object.assign(globalThis, { __webpack_nonce__: nonce });
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root element");

// A page the browser had put aside whole, on the way back to it: it may show what a person saw who has signed out since.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={readableColors}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
