import { it } from 'vitest';
import { runHistory } from '../../src/sim/history.js';
it('x', () => {
  const t=Date.now(); const n = Number(process.env.REHOME_HISTORIES ?? 200); const from = Number(process.env.FROM ?? 0);
  let packets=0, rec=0, est=0, bad=0, max=0; const kinds = new Map<string, number[]>();
  for (let i=from;i<from+n;i++){ const r=runHistory({seed:String(i)}); packets+=r.packets; rec+=r.recoveries; est+=r.established; max=Math.max(max,r.healedAfter??0); if(r.problems.length){bad++; const k=r.problems[0]!.replace(/^\d+ ms: /,'').replace(/\d+/g,'N').slice(0,70); kinds.set(k,[...(kinds.get(k)??[]),i]); if (bad<=6) console.log(i, r.problems.join('\n').slice(0,900));} }
  console.log(n,'histories',Date.now()-t,'ms',{packets,rec,est,bad,max}, [...kinds].map(([k,v])=>k+': '+v.length+' e.g. '+v.slice(0,12).join(',')).join('\n'));
}, 1000000);
