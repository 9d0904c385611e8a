async function pollTaskResult(taskId, maxAttempts = 30) {
    for (let i = 0; i < maxAttempts; i++) {
        const response = await fetch(`/api/v1/ai/image/result/${taskId}`);
        const result = await response.json();
        
        if (result.data.status === 'completed') {
            return result.data.result.image_url;
        } else if (result.data.status === 'failed') {
            throw new Error('任务失败');
        }
        
        // 建议3-5秒轮询间隔
        await new Promise(resolve => setTimeout(resolve, 3000));
    }
    
    throw new Error('任务超时');
}
