/** The texts of results, which are loaded with them. */

/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'create.picture': ['Picture {place} of {count}', '第 {place} 张，共 {count} 张'],
  'create.picture_no': ['Picture {place}:', '第 {place} 张：'],
  'create.progress': ['How far it is', '进度'],
  'create.stop': ['Cancel', '取消'],
  'create.stop_rest': ['Cancel what has not left', '取消未发出的部分'],
  'create.paint_missing': ['Paint the missing {n}', '补画缺少的 {n} 张'],
  'create.look': ['Look first', '先查看'],
  'create.edit_prompt': ['Edit prompt', '编辑提示词'],
  'create.no_reason': ['It came to nothing.', '未能完成。'],
  'create.billed.yes': ['Billed: yes', '已计费：是'],
  'create.billed.no': ['Billed: no', '已计费：否'],
  'create.billed.unknown': ['Billed: unknown', '已计费：未知'],
  'create.provider_word': ['The provider says: {code}', '服务方代码：{code}'],
  'create.place': ['{own} of yours, {lane} in the lane', '你的第 {own} 个，队列第 {lane} 个'],
  'create.about': ['about {time}', '约 {time}'],
  'create.waits.worker': ['begins in a moment', '即将开始'],
  'create.waits.turn': ['waits for its turn', '等待轮到'],
  'create.waits.lane_closed': ['the lane is closed', '队列已关闭'],
  'create.waits.model_held': ['the model is held back for a moment', '该模型暂时受限'],
  'create.waits.schedule': ['scheduled', '已定时'],
  'create.waits.backoff': ['is tried again soon', '稍后重试'],
  'create.waits.provider': ['the provider works on it', '服务方处理中'],
};
