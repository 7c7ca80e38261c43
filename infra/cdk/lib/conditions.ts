/**
 * The template's conditions, decided here: every parameter has a value by now, so what exists is known.
 *
 * A value that is a token is known to exist, and equal to nothing that the template compares it with.
 */
import { Token } from 'aws-cdk-lib';

/** Whether the expression holds. `named` decides another condition. Throws on what no condition of the template is made of. */
export function holds(expression: unknown, named: (condition: string) => boolean): boolean {
  const [[operator, operand] = []] = Object.entries((expression ?? {}) as Record<string, unknown>);
  const operands = Array.isArray(operand) ? operand : [];
  switch (operator) {
    case 'Condition':
      return named(String(operand));
    case 'Fn::Not':
      return !holds(operands[0], named);
    case 'Fn::And':
      return operands.every((each) => holds(each, named));
    case 'Fn::Or':
      return operands.some((each) => holds(each, named));
    case 'Fn::Equals':
      return same(operands[0], operands[1]);
    default:
      throw new Error(`a condition of the template is made of ${String(operator)}, which is not understood`);
  }
}

function same(left: unknown, right: unknown): boolean {
  return literal(left) && literal(right) && String(left) === String(right);
}

function literal(value: unknown): boolean {
  return (typeof value === 'string' || typeof value === 'number') && !Token.isUnresolved(value);
}
