import neostandard from 'neostandard'

// Prettier lays the code out; the linter looks for mistakes, and at what Prettier leaves alone: comments and
// strings.
export default [
  ...neostandard({ ts: true, noJsx: true, noStyle: true, ignores: ['dist/', '.tap/', 'node_modules/'] }),
  {
    files: ['**/*.ts', '**/*.js'],
    plugins: { '@stylistic': neostandard.plugins['@stylistic'] },
    rules: { '@stylistic/max-len': ['error', { code: 110, ignoreUrls: true }] }
  },
  {
    files: ['**/*.ts'],
    rules: { '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }] }
  }
]
