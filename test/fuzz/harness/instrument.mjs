import ts from 'typescript';

/**
 * TypeScript (or the JavaScript of a dependency) to JavaScript that counts: one counter for each block, branch, case
 * and right operand of a logical operator. The counters are octets, so that reading a whole run is a scan of a few
 * thousand of them; `harness/coverage.ts` owns the array. It also says which constants the code has: what a parser
 * compares with is what a mutator should try.
 */

const COUNTERS = '$fuzz';
const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  inlineSourceMap: true,
  inlineSources: true,
};

/**
 * @param {string} source
 * @param {string} fileName
 * @returns {string} plain JavaScript, without counters
 */
export const transpile = (source, fileName) =>
  ts.transpileModule(source, { fileName, compilerOptions: OPTIONS }).outputText;

/**
 * @param {string} source
 * @param {string} fileName
 * @param {string} name what the module is called in the coverage: its path from the root of the repository
 * @returns {string} JavaScript with counters
 */
export function instrument(source, fileName, name) {
  const literals = new Set();
  const lines = [];
  const transformer = (context) => (file) => {
    const { factory: f } = context;
    let line = 0;
    const counter = () => {
      const at = f.createElementAccessExpression(f.createIdentifier(COUNTERS), lines.length);
      lines.push(line);
      return f.createPostfixIncrement(at);
    };
    const statement = () => f.createExpressionStatement(counter());
    const counted = (expression) =>
      f.createParenthesizedExpression(f.createComma(counter(), expression));
    const block = (node) =>
      ts.isBlock(node)
        ? f.updateBlock(node, [statement(), ...node.statements])
        : f.createBlock([statement(), node], true);
    const visit = (node) => {
      collect(node, literals);
      const n = ts.visitEachChild(node, visit, context);
      line =
        ts.getLineAndCharacterOfPosition(file, Math.max(0, node.getStart?.(file) ?? 0)).line + 1;
      if (ts.isArrowFunction(n)) {
        const body = ts.isBlock(n.body) ? block(n.body) : counted(n.body);
        return f.updateArrowFunction(
          n,
          n.modifiers,
          n.typeParameters,
          n.parameters,
          n.type,
          n.equalsGreaterThanToken,
          body,
        );
      }
      if (ts.isBlock(n) && isBodyOf(node)) return block(n);
      if (ts.isIfStatement(n)) {
        const otherwise = n.elseStatement ? block(n.elseStatement) : f.createBlock([statement()]);
        return f.updateIfStatement(n, n.expression, block(n.thenStatement), otherwise);
      }
      if (ts.isForStatement(n)) {
        return f.updateForStatement(
          n,
          n.initializer,
          n.condition,
          n.incrementor,
          block(n.statement),
        );
      }
      if (ts.isForOfStatement(n)) {
        return f.updateForOfStatement(
          n,
          n.awaitModifier,
          n.initializer,
          n.expression,
          block(n.statement),
        );
      }
      if (ts.isForInStatement(n)) {
        return f.updateForInStatement(n, n.initializer, n.expression, block(n.statement));
      }
      if (ts.isWhileStatement(n))
        return f.updateWhileStatement(n, n.expression, block(n.statement));
      if (ts.isDoStatement(n)) return f.updateDoStatement(n, block(n.statement), n.expression);
      if (ts.isCaseClause(n)) {
        return f.updateCaseClause(n, n.expression, [statement(), ...n.statements]);
      }
      if (ts.isDefaultClause(n)) return f.updateDefaultClause(n, [statement(), ...n.statements]);
      if (ts.isConditionalExpression(n)) {
        return f.updateConditionalExpression(
          n,
          n.condition,
          n.questionToken,
          counted(n.whenTrue),
          n.colonToken,
          counted(n.whenFalse),
        );
      }
      if (ts.isBinaryExpression(n) && LOGICAL.has(n.operatorToken.kind)) {
        return f.updateBinaryExpression(n, n.left, n.operatorToken, counted(n.right));
      }
      return n;
    };
    const out = ts.visitEachChild(file, visit, context);
    const register = f.createCallExpression(
      f.createPropertyAccessExpression(f.createIdentifier('globalThis'), '__rehomeFuzz'),
      undefined,
      [
        f.createStringLiteral(name),
        f.createStringLiteral(lines.join(' ')),
        f.createStringLiteral(JSON.stringify([...literals])),
      ],
    );
    const declaration = f.createVariableStatement(
      undefined,
      f.createVariableDeclarationList(
        [f.createVariableDeclaration(COUNTERS, undefined, undefined, register)],
        ts.NodeFlags.Const,
      ),
    );
    return f.updateSourceFile(out, [declaration, ...out.statements]);
  };
  const { outputText } = ts.transpileModule(source, {
    fileName,
    compilerOptions: { ...OPTIONS, allowJs: true },
    transformers: { before: [transformer] },
  });
  return outputText;
}

const LOGICAL = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

/** Blocks that an `if` or a loop owns are counted there. */
const isBodyOf = (node) =>
  ts.isFunctionLike(node.parent) || ts.isCatchClause(node.parent) || ts.isTryStatement(node.parent);

function collect(node, literals) {
  if (ts.isNumericLiteral(node)) literals.add(Number(node.text));
  else if (ts.isStringLiteral(node) && !ts.isImportDeclaration(node.parent))
    literals.add(node.text);
  else if (ts.isPropertyAssignment(node) && ts.isIdentifier(node.name))
    literals.add(node.name.text);
}
