/** @type {import('../../i18n.js').Texts} */
export const texts = {
  'costs.group': ['Summed up by', '汇总方式'],
  'costs.by_model': ['Model', '模型'],
  'costs.by_day': ['Day', '日期'],
  'costs.by_user': ['Person', '用户'],
  'costs.csv': ['CSV', '导出 CSV'],
  'costs.pictures': ['Pictures paid', '付费图片'],
  'costs.settled': ['Paid', '已付'],
  'costs.unknown': ['Uncertain', '未确定'],
  'costs.failed': ['Failed tasks', '失败任务'],
  'costs.total': ['Sum', '合计'],
  'costs.nobody': ['(none)', '（无）'],
  'costs.zone': ['This month so far; days of {zone}', '本月至今；按 {zone} 的日期'],
  'costs.empty': ['Nothing was spent this month.', '本月还没有花费。'],
  'costs.empty_text': ['What is bought with an API key is booked here.', '使用 API 密钥购买的内容会记在这里。'],
};
