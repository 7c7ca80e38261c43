/** Perennial for CDK apps: "With CDK" in the project's README. */
export { PLACEHOLDERS } from './artifacts';
export type { PerennialParameters } from './parameters';
export { Perennial } from './perennial';
export type { FunctionName, Functions, PerennialProps } from './perennial';
export { Template } from './template';
