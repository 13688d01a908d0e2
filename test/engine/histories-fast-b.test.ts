import { describeHistories } from '../support/histories.js';

describeHistories(1, {
  profile: 'fast',
  kind: 'paths',
  shows: 'fast: back within the bound of docs/fast.md, both ends agree',
});
