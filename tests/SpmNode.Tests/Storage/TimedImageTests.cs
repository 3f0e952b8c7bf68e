using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;

namespace OvirtSpm.Node.Tests.Storage;

public sealed class TimedImageTests
{
    [Fact]
    public async Task It_is_read_until_its_time_is_over()
    {
        var clock = new ManualClock();
        using var image = new TimedImage(new Zeros(), TimeSpan.FromSeconds(2), clock);
        await image.ReadAsync(0, new byte[512]);
        clock.Pass(TimeSpan.FromSeconds(2));
        Assert.Throws<TimeoutException>(() => { _ = image.ReadAsync(0, new byte[512]); });
    }

    sealed class Zeros : IImageFile
    {
        public long SizeBytes => 1 << 20;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => ValueTask.CompletedTask;

        public void Dispose()
        {
        }
    }
}
