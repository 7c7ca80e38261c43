'use strict';
// The landing page: draws what /api/world and /api/contacts/{id} say and redraws when /api/changes speaks.
// It holds no truth of its own, sends nothing, and puts data into the page as text only.

const $ = (id) => document.getElementById(id);
const state = {
  world: null, story: null, contact: null, product: null, mail: null, letter: null, part: 'html', first: true, gone: false,
  pinned: false, // the reader has chosen: new leads no longer take over the story
};

// ---------------------------------------------------------------- words and numbers
const UTC = { timeZone: 'UTC' };
const dayFormat = new Intl.DateTimeFormat('en-GB', { ...UTC, weekday: 'short', day: 'numeric', month: 'short' });
const shortFormat = new Intl.DateTimeFormat('en-GB', { ...UTC, day: 'numeric', month: 'short' });
const clockFormat = new Intl.DateTimeFormat('en-GB', { ...UTC, hour: '2-digit', minute: '2-digit' });
const day = (at) => dayFormat.format(new Date(at)).replace(',', '');
const short = (at) => shortFormat.format(new Date(at));
const moment = (at) => `${day(at)}, ${clockFormat.format(new Date(at))}`;
const number = (n) => Number(n ?? 0).toLocaleString('en-US');
const signed = (n) => (n > 0 ? `+${n}` : n < 0 ? `−${-n}` : '0');
const money = (cents, currency, notation = 'standard') =>
  new Intl.NumberFormat('en-US', { style: 'currency', currency, notation, maximumFractionDigits: cents % 100 ? 2 : 0 }).format(cents / 100);
const plural = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const DAY = 86400e3;

const PRIORITY = { 'act-now': ['Act Now', 'alarm'], hot: ['Hot', 'warm'], 'call-now': ['Call Now', 'good'], mql: ['MQL', ''] };
const ORDER = Object.keys(PRIORITY);
const KIND = { nurture: ['Nurture', 'good'], 'hand-off': ['Hand-off', 'warm'], digest: ['Digest', ''], 'asked-again': ['Asked again', 'warm'], escalation: ['Reminder', 'alarm'], help: ['Help', 'alarm'], brief: ['Weekly', ''] };
const VERDICT = {
  worthless: 'no points for this in the playbook',
  repeated: 'the same thing again: already counted',
  gated: 'a machine clicked: on record, not counted',
  unknown: 'not in the playbook',
};
const ACTION = {
  download: 'downloaded', attend: 'attended', register: 'registered for', view: 'viewed', request: 'requested', click: 'clicked',
  open: 'opened', delivered: 'was sent', watch: 'watched', read: 'read', start: 'started', complete: 'completed', visit: 'visited',
};
const did = (label) => String(label).replace(/^\w+(?= )/, (verb) => ACTION[verb] ?? verb);

// ---------------------------------------------------------------- building the page
function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child || child === 0));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function bar(percent, kind = '') {
  const fill = el('i');
  fill.style.width = `${Math.max(0, Math.min(100, percent))}%`;
  return el('span', { class: `bar ${kind}`, 'aria-hidden': 'true' }, fill);
}

// Fills a list by key: unchanged rows keep their node (and scroll, focus, hover); changed or new ones glow.
// A row's `same` says what counts as news; its `look` is everything drawn.
function fill(list, rows, nothing) {
  const before = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const scope = (list.dataset.scope ?? '') === list.dataset.drawn;
  const focused = list.contains(document.activeElement) ? document.activeElement.closest('[data-key]')?.dataset.key : null;
  list.dataset.drawn = list.dataset.scope ?? '';
  const twins = new Map();
  const nodes = rows.map((row) => {
    twins.set(row.key, (twins.get(row.key) ?? 0) + 1);
    const key = twins.get(row.key) > 1 ? `${row.key} ${twins.get(row.key)}` : row.key;
    const old = before.get(key);
    const look = JSON.stringify([row.look, names.size]);
    if (old?.dataset.look === look) return old;
    const node = row.draw();
    Object.assign(node.dataset, { key, look, same: JSON.stringify(row.same ?? row.look) });
    if (scope && (!old || old.dataset.same !== node.dataset.same)) glow(node);
    return node;
  });
  if (!nodes.length && nothing) nodes.push(el('li', { class: 'none' }, nothing));
  if (nodes.length !== list.children.length || nodes.some((node, i) => node !== list.children[i])) {
    const top = list.scrollTop;
    list.replaceChildren(...nodes);
    list.scrollTop = top;
    if (focused) nodes.find((node) => node.dataset.key === focused)?.querySelector('button')?.focus({ preventScroll: true });
  }
}

const glow = (node) => { node.classList.add('fresh'); setTimeout(() => node.classList.remove('fresh'), 3500); };

// Scrolls a row into its list without moving the page.
function bring(list, row) {
  const past = row ? row.getBoundingClientRect().bottom - list.getBoundingClientRect().bottom : 0;
  const short = row ? list.getBoundingClientRect().top - row.getBoundingClientRect().top : 0;
  if (past > 0 || short > 0) list.scrollTop += past > 0 ? past + row.offsetHeight : -short;
}

// Up and down move between the rows of a list.
function arrows(list) {
  list.addEventListener('keydown', (event) => {
    const buttons = [...list.querySelectorAll('button')];
    const next = buttons[buttons.indexOf(document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
    if (next) { event.preventDefault(); next.focus(); }
  });
}

// ---------------------------------------------------------------- products: names and colours
const tints = new Map();
const tint = (product) => tints.get(product) ?? tints.set(product, `p${tints.size % 6}`).get(product);
const names = new Map();

function learnProducts(world) {
  const scores = world.contacts.flatMap((contact) => contact.scores).concat(world.leads, world.held);
  for (const { product, product_name: name } of scores) names.set(product, name);
  for (const product of [...names.keys()].sort()) tint(product);
}

// “Fernhill Analytics”, “Fernhill Automation” → what tells them apart.
function brief(product) {
  const all = [...names.values()].map((name) => name.split(' '));
  const shared = all.length > 1 && all.every((words) => words.length > 1 && words[0] === all[0][0]);
  const name = names.get(product) ?? product;
  return shared ? name.slice(name.indexOf(' ') + 1) : name;
}

function chip({ product, points, threshold }) {
  return el('span', { class: `chip ${tint(product)} ${points >= threshold ? 'full' : ''}`, title: `${names.get(product)}: ${points}, a lead at ${threshold}` },
    el('span', { class: 'short', 'aria-hidden': 'true' }, `${product.slice(0, 3)} `), el('span', { class: 'hidden' }, `${brief(product)} `), String(points));
}

// ---------------------------------------------------------------- header
function drawTop({ now, totals, attention, playbook_version: version }) {
  $('now').textContent = `${day(now)} ${new Date(now).getUTCFullYear()}, ${clockFormat.format(new Date(now))} UTC`;
  Object.assign($('now'), { dateTime: now, title: `Playbook ${version}` });
  const figures = [
    ['received', 'events', 'events received'], ['counted', 'counted', 'engagements that scored'], ['leads', 'leads'], ['emails', 'emails'],
    ['escalations', 'reminders', 'reminders of the service-level agreement'], ['silences', 'silences', 'mails not sent, each with its reason'],
    ['duplicates', 'duplicates', 'events delivered again and not counted again'], ['quarantined', 'set aside', 'events not understood, kept aside'],
  ];
  for (const [key, name, title] of figures) {
    const minor = ['silences', 'duplicates', 'quarantined'].includes(key) ? 'minor' : null;
    const figure = $(`total-${key}`) ?? el('div', { id: `total-${key}`, title, class: minor }, el('dt', {}, name), el('dd'));
    if (!figure.parentNode) $('totals').append(figure);
    const value = number(totals[key]);
    if (figure.lastChild.textContent !== value && !state.first) glow(figure);
    figure.lastChild.textContent = value;
  }
  $('attention').hidden = !attention.length;
  $('attention').textContent = `Needs a look: ${attention.map(({ what, count }) => `${what} ${number(count)}`).join(' · ')}`;
}

// ---------------------------------------------------------------- contacts
const highest = (contact) => Math.max(0, ...contact.scores.map((score) => score.points));
const findable = ({ name, title, account_name: account, scores }) =>
  [name, title, account, ...scores.filter((score) => score.points).map((score) => score.product_name)].join(' ').toLowerCase();

function drawContacts() {
  const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = state.world.contacts
    .filter((contact) => words.every((word) => findable(contact).includes(word)))
    .sort((a, b) => highest(b) - highest(a) || String(a.name).localeCompare(b.name));
  const all = state.world.contacts.length;
  $('contacts-count').textContent = shown.length === all ? number(all) : `${shown.length} of ${all}`;
  $('contacts').dataset.scope = words.join(' ');
  fill($('contacts'), shown.map((contact) => {
    const scores = contact.scores.filter((score) => score.points > 0).sort((a, b) => b.points - a.points);
    const current = contact.id === state.contact;
    return {
      key: contact.id, same: contact.scores, look: [contact, current],
      draw: () => el('li', {}, el('button', { type: 'button', 'aria-current': current ? 'true' : null, onclick: () => choose(contact.id) },
        el('span', { class: 'line' }, el('strong', { class: 'grow' }, contact.name || contact.id), el('span', { class: 'chips' }, scores.slice(0, 2).map(chip),
          scores.length > 2 && el('span', { class: 'quiet', title: scores.slice(2).map((s) => `${brief(s.product)} ${s.points}`).join(', ') }, `+${scores.length - 2}`))),
        el('span', { class: 'line' }, el('span', { class: 'quiet grow' }, contact.account_name ?? 'account unknown'),
          contact.at_risk && el('span', { class: 'tag alarm' }, 'at risk'), contact.suppressed && el('span', { class: 'tag' }, 'no mail')))),
    };
  }), 'Nobody matches.');
}

// ---------------------------------------------------------------- the story
// What one mark on the chart and one line under it stands for; a scanner's hundred clicks become one.
function gather(curve) {
  const steps = [];
  for (const step of curve) {
    const last = steps.at(-1);
    const swarm = last?.verdict === 'gated' && step.verdict === 'gated' && Date.parse(step.at) - Date.parse(last.until) < DAY / 2;
    if (swarm) Object.assign(last, { count: last.count + 1, until: step.at }); else steps.push({ ...step, until: step.at, count: 1 });
  }
  return steps;
}

function tell(step) {
  if (step.verdict === 'decay') return ['a quiet cycle', `interest decays ${step.points - step.change} → ${step.points}`];
  return [step.count > 1 ? `${step.count} × ${did(step.label)}` : did(step.label), step.verdict === 'scored' ? '' : VERDICT[step.verdict] ?? step.verdict];
}

function drawStory() {
  const { story } = state;
  if (!story) return;
  const row = state.world.contacts.find((contact) => contact.id === story.id);
  $('story-name').textContent = story.name || story.id;
  $('story-who').replaceChildren([story.title, story.account_name, story.email].filter(Boolean).join(' · '),
    row?.at_risk ? el('span', { class: 'tag alarm' }, 'account at risk') : '', row?.suppressed ? el('span', { class: 'tag' }, 'gets no mail') : '');
  const products = story.products;
  if (!products.some((product) => product.product === state.product)) {
    const newest = [...story.leads].sort((a, b) => b.qualified_at.localeCompare(a.qualified_at))[0];
    state.product = newest?.product ?? [...products].sort((a, b) => b.points - a.points || b.curve.length - a.curve.length)[0]?.product ?? null;
  }
  const chosen = products.find((product) => product.product === state.product);
  const focused = $('products').contains(document.activeElement) ? document.activeElement.dataset.product : null;
  $('products').replaceChildren(...products.map((product) => el('button', {
    type: 'button', class: tint(product.product), 'data-product': product.product, 'aria-pressed': String(product === chosen),
    onclick: () => { state.product = product.product; state.pinned = true; drawStory(); },
  }, `${brief(product.product)} ${product.points}`)));
  [...$('products').children].find((button) => button.dataset.product === focused)?.focus({ preventScroll: true });

  const steps = chosen ? gather(chosen.curve).reverse() : [];
  $('facts').dataset.scope = `${story.id} ${state.product}`;
  $('facts-title').textContent = chosen ? `Why ${brief(chosen.product)} is at ${chosen.points}` : 'Why this score';
  fill($('facts'), steps.map((step) => {
    const [what, note] = tell(step);
    return {
      key: `${step.at} ${step.label} ${step.verdict}`, look: step,
      draw: () => el('li', { class: tint(chosen.product) }, el('span', { class: `points ${step.change ? '' : 'off'}` }, signed(step.change)),
        el('span', {}, what, note && el('em', {}, ` – ${note}`)), el('time', { class: 'quiet', datetime: step.at, title: moment(step.at) }, short(step.at))),
    };
  }), 'No engagement with this product yet.');

  $('silences').dataset.scope = story.id;
  fill($('silences'), [...story.silences].reverse().map((silence) => ({
    key: `${silence.slot} ${silence.reason}`, look: silence,
    draw: () => el('li', {}, el('span', {}, silence.reason), el('time', { class: 'quiet', datetime: silence.slot }, short(silence.slot))),
  })), story.emails.length ? 'Every slot so far got its mail.' : 'No slot has come up yet.');
  $('silences-title').title = `At most one nurture mail per person in ${state.world.gap_days} days`;
  drawChart(chosen);
}

const PATHS = {
  star: 'M0-8 2.1-2.7 7.8-2.5 3.3 1.1 4.8 6.6 0 3.4-4.8 6.6-3.3 1.1-7.8-2.5-2.1-2.7Z',
  decay: 'M-5-3.5H5L0 4.5Z', envelope: 'M-7-5H7V5H-7ZM-7-5 0 1 7-5', silence: 'M-4 0A4 4 0 1 0 4 0 4 4 0 1 0-4 0M-2.8 2.8 2.8-2.8', square: 'M-6-6H6V6H-6Z',
};

function drawChart(chosen) {
  const box = $('chart');
  const { story, world } = state;
  const active = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const scope = `${story.id} ${state.product}`;
  const seen = box.dataset.scope === scope && new Set([...box.querySelectorAll('.mark')].map((mark) => mark.dataset.key));
  box.dataset.scope = scope;
  const times = [...story.products.flatMap((product) => product.curve.map((step) => step.at)), ...story.emails.map((mail) => mail.at), ...story.silences.map((s) => s.slot)].map(Date.parse);
  if (!times.length) {
    return box.replaceChildren(el('p', { class: 'none' }, 'This contact has not engaged with anything yet, and no mail has gone out.'));
  }
  const width = Math.max(260, box.clientWidth), height = Math.max(160, box.clientHeight);
  const left = 30, right = width - 22, top = 16, lane = height - 32, bottom = lane - 18;
  const end = Math.max(Date.parse(world.now), ...times);
  const start = Math.min(...times, end - 7 * DAY) - DAY;
  const x = (time) => left + ((time - start) / (end - start)) * (right - left);
  const highestPoint = Math.max(chosen?.threshold ?? 5, ...story.products.flatMap((product) => product.curve.map((step) => step.points)));
  const ceiling = Math.max(highestPoint * 1.12, (chosen?.threshold ?? 5) * 1.4);
  const y = (points) => bottom - (points / ceiling) * (bottom - top);
  const picture = svg('svg', { role: 'group', viewBox: `0 0 ${width} ${height}`, 'aria-label': `Score of ${story.name} over time. Arrow keys move from mark to mark.` });

  // Axes: points on the left, weeks below
  const unit = [1, 2, 5, 10, 20, 25, 50, 100, 200].find((step) => ceiling / step <= 5) ?? 500;
  for (let points = 0; points <= ceiling; points += unit) {
    picture.append(line('axis', left, y(points), right), label(left - 7, y(points) + 4, points, 'end'));
  }
  const stride = [1, 2, 7, 14, 28, 56, 91].find((step) => x(start + step * DAY) - left > 58) ?? 182;
  const monday = 4 * DAY + Math.ceil((start - 4 * DAY) / (7 * DAY)) * 7 * DAY;
  for (let time = stride < 7 ? Math.ceil(start / DAY) * DAY : monday; time <= end; time += stride * DAY) {
    if (x(time) < left + 8) continue;
    picture.append(line('axis', x(time), lane + 12, x(time), lane + 16), label(x(time), height - 4, short(time), x(time) > right - 20 ? 'end' : 'middle'));
  }
  picture.append(line('axis', left, lane + 12, right), label(left - 7, lane + 4, 'mail', 'end'));
  for (const { at, name } of quarters(start, end)) {
    picture.append(line('quarter', x(at), top - 8, x(at), lane + 12), label(x(at) + 4, top, name, 'start', 'halo'));
  }
  if (chosen) picture.append(line('threshold', left, y(chosen.threshold), right), label(left + 4, y(chosen.threshold) + 13, `a lead at ${chosen.threshold}`, 'start', 'threshold-name halo'));

  // Curves: the chosen product on top
  for (const product of [...story.products].sort((a, b) => (a === chosen) - (b === chosen))) {
    let path = `M${left} ${y(0)}`;
    for (const step of product.curve) path += `H${x(Date.parse(step.at)).toFixed(1)}V${y(step.points).toFixed(1)}`;
    path += `H${x(end).toFixed(1)}`;
    if (product === chosen) picture.append(svg('path', { class: `area ${tint(product.product)}`, d: `${path}V${y(0)}Z` }));
    picture.append(svg('path', { class: `curve ${tint(product.product)} ${product === chosen ? 'chosen' : ''}`, d: path }));
  }

  // Marks: facts, decay, mail, silences, lead
  const marks = [];
  const mark = (kind, time, at, text, shape, more = {}) => {
    const key = `${kind} ${time} ${text}`;
    const node = svg('g', {
      class: `mark ${kind} ${chosen ? tint(chosen.product) : ''} ${seen && !seen.has(key) ? 'fresh' : ''}`,
      transform: `translate(${x(time).toFixed(1)} ${at.toFixed(1)})`, role: more.open ? 'button' : 'img', tabindex: -1, 'aria-label': text, 'data-key': key,
    }, svg('circle', { class: 'ring', r: 10 }), shape);
    if (more.count) node.append(svg('text', { x: 10, y: -6, class: 'halo' }, `×${more.count}`));
    for (const event of ['mouseenter', 'focus']) node.addEventListener(event, () => tip(x(time), at, text));
    for (const event of ['mouseleave', 'blur']) node.addEventListener(event, () => tip());
    if (more.open) node.addEventListener('click', more.open);
    node.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') tip();
      if (more.open && (event.key === 'Enter' || event.key === ' ')) { event.preventDefault(); more.open(); }
    });
    marks.push({ time, node, key, top: kind === 'scored' || kind === 'lead' });
  };
  const shape = (name) => svg('path', { class: 'shape', d: PATHS[name] });
  for (const { slot, reason } of story.silences) mark('quiet', Date.parse(slot), lane, `${day(slot)}: no email\n${reason}`, shape('silence'));
  for (const mail of story.emails) mark('mail', Date.parse(mail.at), lane, `${moment(mail.at)}: email\n${mail.subject}`, shape('envelope'), { open: () => openMail(mail.id, true) });
  for (const step of chosen ? gather(chosen.curve) : []) {
    const [what, note] = tell(step);
    const text = `${moment(step.at)}\n${step.change ? `${signed(step.change)} ` : ''}${what}${note ? `\n${note}` : ''}\nscore ${step.points}`;
    const form = step.verdict === 'decay' ? shape('decay') : step.verdict === 'gated' ? shape('square') : svg('circle', { class: 'shape', r: step.verdict === 'scored' ? 5 : 4 });
    mark(step.verdict, Date.parse(step.at), y(step.points), text, form, { count: step.count > 1 ? step.count : 0 });
  }
  for (const lead of story.leads.filter((lead) => lead.product === chosen?.product)) {
    const time = Date.parse(lead.qualified_at);
    const reached = chosen.curve.filter((step) => Date.parse(step.at) <= time).at(-1)?.points ?? chosen.threshold;
    mark('lead', time, y(reached) - 15, `${moment(lead.qualified_at)}\n${PRIORITY[lead.priority]?.[0] ?? lead.priority}: a lead for ${lead.owner_name ?? lead.owner}\nsorting score ${lead.sort_score}, fit ${lead.fit_grade}`, shape('star'));
  }
  marks.sort((a, b) => a.time - b.time);
  picture.append(...marks.filter(({ top }) => !top).map(({ node }) => node), ...marks.filter(({ top }) => top).map(({ node }) => node));
  const rove = (index) => marks.forEach(({ node }, i) => node.setAttribute('tabindex', i === index ? 0 : -1));
  picture.addEventListener('keydown', (event) => {
    const at = marks.findIndex(({ node }) => node === document.activeElement);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: marks.length - 1 }[event.key];
    if (!marks[next]) return;
    event.preventDefault();
    rove(next);
    marks[next].node.focus();
  });
  box.replaceChildren(picture);
  const again = marks.findIndex(({ key }) => key === active);
  rove(again >= 0 ? again : marks.length - 1);
  if (again >= 0) marks[again].node.focus({ preventScroll: true });

  function line(kind, x1, y1, x2, y2 = y1) { return svg('line', { class: kind, x1, y1, x2, y2 }); }
  function label(lx, ly, text, anchor, kind) { return svg('text', { x: lx, y: ly, 'text-anchor': anchor, class: kind, 'aria-hidden': 'true' }, String(text)); }
  function tip(tx, ty, text) {
    box.querySelector('.tip')?.remove();
    if (!text) return;
    const bubble = box.appendChild(el('div', { class: 'tip', role: 'presentation' }, text));
    bubble.style.left = `${Math.max(2, Math.min(tx - bubble.offsetWidth / 2, width - bubble.offsetWidth - 2))}px`;
    const above = ty - bubble.offsetHeight - 14;
    bubble.style.top = `${above < -30 ? ty + 14 : above}px`;
  }
}

// Calendar quarters in UTC, the default; a playbook with a fiscal year says so by quarter_first_month.
function quarters(start, end) {
  const first = (state.world.quarter_first_month ?? 1) - 1;
  const from = new Date(start);
  return [...Array(40).keys()].map((i) => {
    const month = from.getUTCMonth() + 1 + i;
    return { at: Date.UTC(from.getUTCFullYear(), month, 1), place: (month - first + 12) % 12 };
  }).filter(({ at, place }) => at < end && place % 3 === 0).map(({ at, place }) => ({ at, name: `Q${place / 3 + 1}` }));
}

// ---------------------------------------------------------------- the rep's list
const isOpen = ({ status }) => status === 'mql' || status === 'touched';

function drawLeads() {
  const { leads, held } = state.world;
  const select = $('rep');
  const reps = new Map(leads.map((lead) => [lead.owner, lead.owner_name ?? lead.owner]));
  const listed = new Set([...select.options].map((option) => option.value));
  for (const [id, name] of [...reps].sort((a, b) => a[1].localeCompare(b[1]))) if (!listed.has(id)) select.append(el('option', { value: id }, name));
  const mine = leads.filter((lead) => !select.value || lead.owner === select.value)
    .sort((a, b) => ORDER.indexOf(a.priority) - ORDER.indexOf(b.priority) || b.sort_score - a.sort_score);
  const [open, closed] = [mine.filter(isOpen), mine.filter((lead) => !isOpen(lead))];
  const divider = (text) => ({ key: `divider ${text.split(' ')[0]}`, look: text, same: '', draw: () => el('li', { class: 'divider' }, text) });
  const group = (text, members, draw) => (members.length ? [divider(`${text} (${members.length})`), ...members.map(draw)] : []);
  const rows = [...open.map(leadRow), ...group('Decided by sales', closed, leadRow), ...group('Held back', select.value ? [] : held, heldRow)];
  $('leads').dataset.scope = select.value;
  fill($('leads'), rows, 'No leads yet. A contact becomes one when a score reaches its threshold.');
}

function leadRow(lead) {
  const [name, tone] = PRIORITY[lead.priority] ?? [lead.priority, ''];
  const done = !isOpen(lead);
  const why = [...lead.why].sort((a, b) => b.points - a.points).slice(0, 3).map((fact) => `${signed(fact.points)} ${ACTION[fact.action] ?? fact.action} ${fact.title}`).join(' · ');
  const current = lead.contact === state.contact;
  return {
    key: `${lead.contact} ${lead.product} ${lead.quarter}`, same: [lead.status, lead.priority, lead.rungs_fired], look: [lead, current, state.world.now.slice(0, 13)],
    draw: () => el('li', { class: done ? 'closed' : '' }, el('button', { type: 'button', class: 'leads-row', 'aria-current': current ? 'true' : null, onclick: () => choose(lead.contact, lead.product) },
      el('span', { class: 'line' }, el('span', { class: `tag ${done ? '' : tone}` }, name), el('strong', { class: 'grow' }, lead.contact_name ?? lead.contact), el('span', { class: 'score', title: 'Sorting score' }, String(lead.sort_score))),
      el('span', { class: 'line' }, el('span', { class: 'grow quiet' }, el('span', {}, `${brief(lead.product)} · `), lead.account_name ?? 'account unknown'), el('span', { class: 'quiet' }, lead.owner_name ?? lead.owner)),
      el('span', { class: 'split' }, `Fit ${lead.fit_grade}`, bar(lead.fit_points), 'Engaged', bar(lead.engagement, 'engaged'), el('span', { class: 'hidden' }, `Fit ${lead.fit_points}, engagement ${lead.engagement} of 100`)),
      why && el('span', { class: 'why' }, why), service(lead))),
  };
}

// Where the lead stands with its rep: the reminders sent, and when the next check is.
function service(lead) {
  const fired = Array.isArray(lead.rungs_fired) ? lead.rungs_fired.length : Number(lead.rungs_fired) || 0;
  const since = Math.max(0, Date.parse(state.world.now) - Date.parse(lead.qualified_at));
  const age = since < DAY ? `${Math.floor(since / 3600e3)} h` : plural(Math.floor(since / DAY), 'day');
  const dots = [...Array(Math.max(3, fired)).keys()].map((rung) => el('span', { class: `rung ${rung < fired ? 'fired' : ''}`, 'aria-hidden': 'true' }));
  const line = (late, ...content) => el('span', { class: `sla ${late ? 'late' : ''}` }, ...content);
  if (lead.status === 'sql') return line(false, 'Accepted by sales');
  if (lead.status === 'recycled') return line(false, 'Rejected: back to nurture until next quarter');
  if (lead.status === 'touched') return line(false, `Touched · ${age} since it qualified`);
  const clocked = ['act-now', 'hot'].includes(lead.priority);
  if (!clocked) return line(false, lead.next_check_at ? `New · in the digest of ${moment(lead.next_check_at)}` : `Handed over · ${age} · no deadline`);
  const next = lead.next_check_at ? `next check ${moment(lead.next_check_at)}` : 'the whole ladder has fired';
  return line(fired > 0, ...dots, fired ? `Untouched ${age}, ${plural(fired, 'reminder')} · ${next}` : `Untouched ${age} · ${next}`);
}

function heldRow(held) {
  const current = held.contact === state.contact;
  const until = held.until && !Number.isNaN(Date.parse(held.until)) ? `until ${day(held.until)}` : held.until ? `until ${held.until}` : '';
  return {
    key: `held ${held.contact} ${held.product}`, same: held, look: [held, current],
    draw: () => el('li', {}, el('button', { type: 'button', 'aria-current': current ? 'true' : null, onclick: () => choose(held.contact, held.product) },
      el('span', { class: 'line' }, el('strong', { class: 'grow' }, held.contact_name ?? held.contact), el('span', { class: 'quiet' }, brief(held.product))),
      el('span', { class: 'quiet' }, [held.reason, until].filter(Boolean).join(', ')))),
  };
}

// ---------------------------------------------------------------- mailbox
function drawMails() {
  const kind = $('kind').value;
  const shown = state.world.mails.filter((mail) => !kind || mail.kind === kind);
  $('mails').dataset.scope = kind;
  fill($('mails'), shown.map((mail) => {
    const current = mail.id === state.mail;
    const [kindName, tone] = KIND[mail.kind] ?? [mail.kind, ''];
    return {
      key: mail.id, same: mail.id, look: [mail, current],
      draw: () => el('li', {}, el('button', { type: 'button', 'aria-current': current ? 'true' : null, onclick: () => openMail(mail.id) },
        el('span', { class: 'line' }, el('strong', { class: 'grow' }, mail.subject || '(no subject)'), el('span', { class: `tag ${tone}` }, kindName)),
        el('span', { class: 'line quiet' }, el('span', { class: 'grow' }, mail.to), el('time', { datetime: mail.at }, moment(mail.at).slice(4))))),
    };
  }), 'No mail yet. What would be sent lands here, and goes nowhere else.');
  if (!state.mail && shown.length) openMail(shown[0].id);
}

async function openMail(id, reveal = false) {
  state.mail = id;
  if (reveal && !state.world.mails.some((mail) => mail.id === id && (!$('kind').value || mail.kind === $('kind').value))) $('kind').value = '';
  drawMails();
  if (reveal) bring($('mails'), $('mails').querySelector('[aria-current]'));
  if (reveal) $('part').closest('.reading').scrollIntoView({ block: 'nearest' });
  const letter = await get(`/api/mails/${encodeURIComponent(id)}`).catch(lost);
  if (!letter || state.mail !== id) return;
  state.letter = letter;
  drawLetter();
}

function drawLetter() {
  const { letter } = state;
  $('mail-subject').textContent = letter?.subject || 'No mail opened';
  $('mail-who').textContent = letter ? `${letter.from} → ${letter.to} · ${moment(letter.at)}` : '';
  const part = letter && !letter.html && state.part === 'html' ? 'text' : state.part;
  for (const name of ['html', 'text', 'headers']) {
    const tab = $(`tab-${name}`);
    tab.setAttribute('aria-selected', String(name === part));
    tab.tabIndex = name === part ? 0 : -1;
    tab.disabled = !letter || (name === 'html' && !letter.html);
  }
  $('part').setAttribute('aria-labelledby', `tab-${part}`);
  if (!letter) return;
  if ($('part').dataset.drawn === `${letter.id} ${part}`) return;
  $('part').dataset.drawn = `${letter.id} ${part}`;
  const headers = [['From', letter.from], ['To', letter.to], ['Subject', letter.subject], ['Date', letter.at], ...letter.headers];
  $('part').replaceChildren(
    part === 'html' ? el('iframe', { sandbox: '', src: `/api/mails/${encodeURIComponent(letter.id)}/html`, title: `Mail: ${letter.subject}` })
      : part === 'text' ? el('pre', {}, letter.text || '(no text part)')
        : el('dl', {}, headers.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)])));
  $('part').scrollTop = 0;
}

// ---------------------------------------------------------------- reverse funnel
function drawFunnel({ currency, ...plan }) {
  const rate = (part, whole, of) => (whole > 0 ? `${Math.round((part / whole) * 100)}% of ${of}` : '');
  const steps = [
    [money(plan.revenue_cents, currency), 'goal', `${money(plan.average_price_cents, currency)} a win`, null],
    [number(plan.wins), 'wins', rate(plan.wins, plan.opportunities, 'opportunities'), plan.wins],
    [number(plan.opportunities), 'opportunities', `${rate(plan.opportunities, plan.sqls, 'SQLs')} · ${money(plan.pipeline_cents, currency, 'compact')} pipeline`, plan.opportunities],
    [number(plan.sqls), 'SQLs', rate(plan.sqls, plan.mqls, 'MQLs'), plan.sqls, plan.actual_sqls],
    [number(plan.mqls), 'MQLs', 'needed', plan.mqls, plan.actual_mqls],
  ];
  fill($('funnel'), steps.map(([value, name, note, size, actual]) => ({
    key: name, look: [value, note, size, actual], same: actual ?? 0,
    draw: () => el('li', {}, el('div', { class: 'step' }, el('b', {}, value), el('span', {}, name), el('span', { class: 'quiet rate' }, note)),
      size !== null && bar((size / (plan.mqls || 1)) * 100),
      actual !== undefined && el('div', { class: 'actual' }, `${number(actual)} so far`, el('span', { class: 'quiet' }, ` · ${size ? ((actual / size) * 100).toFixed(1) : '0'}% of what the goal needs`))),
  })));
}

// ---------------------------------------------------------------- choosing, loading, listening
async function get(path) {
  const answer = await fetch(path, { headers: { accept: 'application/json' }, cache: 'no-store' });
  if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
  return answer.json();
}

async function choose(contact, product = null) {
  state.pinned = true; // and say so in the address, so that it can be sent to a colleague
  history.replaceState(null, '', `#contact=${encodeURIComponent(contact)}`);
  await show(contact, product);
  if (matchMedia('(max-width: 720px)').matches) $('story').scrollIntoView({ block: 'start' });
}

async function show(contact, product = null) {
  const moved = contact !== state.contact || !state.story;
  if (moved || product) state.product = product;
  state.contact = contact;
  drawContacts();
  drawLeads();
  if (moved) for (const list of [$('contacts'), $('leads')]) bring(list, list.querySelector('[aria-current]'));
  const story = await get(`/api/contacts/${encodeURIComponent(contact)}`).catch(lost);
  if (!story || state.contact !== contact) return;
  state.story = story;
  drawStory();
}

const linked = () => new URLSearchParams(location.hash.slice(1)).get('contact');

// The contact with the newest lead; without leads, the one with the highest score.
function likeliest({ leads, contacts }) {
  const newest = leads.reduce((best, lead) => (!best || lead.qualified_at > best.qualified_at ? lead : best), null);
  return newest?.contact ?? [...contacts].sort((a, b) => highest(b) - highest(a))[0]?.id ?? null;
}

async function refresh() {
  const world = await get('/api/world').catch(lost);
  if (!world) return;
  found();
  const before = state.world;
  state.world = world;
  learnProducts(world);
  drawTop(world);
  $('world').hidden = !world.contacts.length && !world.mails.length && !world.totals.received;
  $('empty').hidden = !$('world').hidden;
  const contact = state.pinned && world.contacts.some(({ id }) => id === state.contact) ? state.contact : likeliest(world);
  drawMails();
  drawFunnel(world.funnel);
  if (contact) await show(contact); else { drawContacts(); drawLeads(); }
  const kinds = [['leads', 'lead'], ['emails', 'email'], ['escalations', 'reminder'], ['counted', 'scoring engagement']];
  const news = before ? kinds.map(([key, name]) => [world.totals[key] - before.totals[key], name]).filter(([more]) => more > 0) : [];
  if (news.length) $('spoken').textContent = news.map(([more, name]) => plural(more, `new ${name}`)).join(', ');
  state.first = false;
}

// Many changes make one refresh, one refresh at a time; a stream of changes cannot put it off for ever.
let soon = 0, due = Infinity, running = Promise.resolve(), patience = 1000, source = null;
function later(wait = 150) {
  if (Date.now() + wait >= due) return;
  clearTimeout(soon);
  due = Date.now() + wait;
  soon = setTimeout(() => { due = Infinity; running = running.then(refresh, refresh); }, wait);
}

function listen() {
  source?.close();
  source = new EventSource('/api/changes');
  source.addEventListener('changed', () => later());
  source.addEventListener('open', () => { if (state.gone) later(); });
  source.addEventListener('error', () => later(1500)); // is it only the stream, or the server?
}

function lost(error) {
  if (error.status === 404) return; // forgotten in between: the next change brings the list up to date
  state.gone = true;
  $('gone').hidden = false;
  later(patience);
  patience = Math.min(patience * 1.5, 10000);
}

function found() {
  if (state.gone || source.readyState === EventSource.CLOSED) listen();
  state.gone = false;
  $('gone').hidden = true;
  patience = 1000;
}

for (const id of ['contacts', 'leads', 'mails']) arrows($(id));
$('search').addEventListener('input', drawContacts);
$('search').addEventListener('keydown', (event) => { if (event.key === 'ArrowDown') { event.preventDefault(); $('contacts').querySelector('button')?.focus(); } });
$('rep').addEventListener('change', drawLeads);
$('kind').addEventListener('change', drawMails);
for (const event of ['pointerdown', 'focusin']) $('story').addEventListener(event, () => { state.pinned = state.contact !== null; });
for (const name of ['html', 'text', 'headers']) $(`tab-${name}`).addEventListener('click', () => { state.part = name; drawLetter(); });
document.querySelector('[role="tablist"]').addEventListener('keydown', (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const tabs = [...event.currentTarget.children].filter((tab) => !tab.disabled);
  const next = step && tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  if (next) { next.click(); next.focus(); }
});
addEventListener('hashchange', () => { if (state.world && linked() && linked() !== state.contact) choose(linked()); });
new ResizeObserver(() => { if (state.story) drawStory(); }).observe($('chart'));
if (linked()) { state.contact = linked(); state.pinned = true; }
drawLetter();
listen();
later(0);
