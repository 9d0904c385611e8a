# 1. 创建任务
TASK_ID=$(curl -s -X POST http://localhost:8080/api/v1/ai/image/task \
  -H "Content-Type: application/json" \
  -d '{
    "prompt": "一只可爱的小猫咪在花园里玩耍",
    "user_id": "user_123"
  }' | jq -r '.data.task_id')

echo "任务ID: $TASK_ID"

# 2. 轮询查询结果
while true; do
  RESULT=$(curl -s -X GET "http://localhost:8080/api/v1/ai/image/result/$TASK_ID")
  STATUS=$(echo $RESULT | jq -r '.data.status')
  
  if [ "$STATUS" = "completed" ]; then
    IMAGE_URL=$(echo $RESULT | jq -r '.data.result.image_url')
    echo "图像生成完成: $IMAGE_URL"
    break
  elif [ "$STATUS" = "failed" ]; then
    echo "任务失败"
    break
  else
    echo "任务处理中，等待3秒..."
    sleep 3
  fi
done
