/** Perennial for CDK apps; see the README beside it. */
export { PLACEHOLDERS } from './artifacts';
export type { PerennialParameters } from './parameters';
export { Perennial } from './perennial';
export type { FunctionName, Functions, PerennialProps } from './perennial';
export { Template } from './template';
