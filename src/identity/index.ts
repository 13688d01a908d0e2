export * from './cga.js';
export * from './hashes.js';
export * from './hba.js';
export * from './hba-verifier.js';
export * from './parameters.js';
export * from './rsa-key.js';
export * from './signature.js';
export * from './verifier.js';
