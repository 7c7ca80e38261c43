/** Perennial for CDK apps; see the README beside it. */
export { PLACEHOLDERS } from './artifacts';
export { PerennialParameters } from './parameters';
export { FunctionName, Functions, Perennial, PerennialProps } from './perennial';
export { Template } from './template';
