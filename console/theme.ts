import { type CSSVariablesResolver, createTheme, type MantineColorsTuple, type MantineTheme } from "@mantine/core";

const loom: MantineColorsTuple = [
  "#eef1ff",
  "#dce0fb",
  "#b6bff1",
  "#8d9be8",
  "#6b7ce0",
  "#5669db",
  "#4a5fd9",
  "#3b4fc1",
  "#3346ad",
  "#273b99",
];

/** One look for every page. Sizes are a step smaller than usual: these are tables and forms, not a brochure. */
export const theme = createTheme({
  primaryColor: "loom",
  colors: { loom },
  primaryShade: { light: 7, dark: 5 },
  autoContrast: true,
  luminanceThreshold: 0.35,
  defaultRadius: "md",
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", "JetBrains Mono", Menlo, Consolas, monospace',
  headings: {
    fontWeight: "650",
    sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.125rem" }, h3: { fontSize: "1rem" } },
  },
  components: {
    Badge: { defaultProps: { variant: "light", tt: "none", fw: 550, radius: "sm" } },
    Button: { defaultProps: { size: "sm" } },
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    NavLink: { defaultProps: { py: 5, px: "sm" } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 300 } },
  },
});

/** Words on a tinted ground, such as a badge's: dark enough on the light ones, light enough on the dark ones. */
function wordsOnTint(colors: MantineTheme["colors"], shade: (name: string) => string): Record<string, string> {
  return Object.fromEntries(Object.keys(colors).map((name) => [`--mantine-color-${name}-light-color`, shade(name)]));
}

/** Secondary text, links and badges must be read as well: at least 4.5 to 1 against both grounds (WCAG 2.2, 1.4.3). */
export const readableColors: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": colors.gray[7],
    "--mantine-color-placeholder": colors.gray[7],
    ...wordsOnTint(colors, (name) => `color-mix(in srgb, var(--mantine-color-${name}-9) 55%, black)`),
  },
  dark: {
    "--mantine-color-dimmed": colors.dark[1],
    "--mantine-color-placeholder": colors.dark[1],
    "--mantine-color-anchor": "var(--mantine-color-loom-3)",
    ...wordsOnTint(colors, (name) => `var(--mantine-color-${name}-1)`),
  },
});
