namespace OvirtSpm.Node.Tests.Pool.Images;

/// <summary>At once, unlike Progress.</summary>
sealed class Told(Action<double> tell) : IProgress<double>
{
    public void Report(double value) => tell(value);
}
