"""The words of the Theory panels for a VAE; every number beside them is live."""

from trainers.theory import Stage, Term, Theory

THEORY = Theory(
    total="elbo",
    total_name="ELBO",
    unit="nats",
    equation="ELBO(x) = E_q(z|x)[log p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ log p(x)",
    terms=(
        Term(
            symbol="−E_q(z|x)[log p(x|z)]",
            quantity="recon",
            sign=-1,
            name="reconstruction",
            explanation="How many nats it costs to say the image once z is known. "
            "It falls as the decoder draws what the encoder meant.",
        ),
        Term(
            symbol="KL(q(z|x) ‖ p(z))",
            quantity="kl",
            sign=-1,
            name="KL",
            explanation="How many nats z tells about the image: how far the posterior is from the prior. "
            "At 0 the encoder says nothing and every image is the same average.",
        ),
    ),
    stages=(
        Stage("x", "image", "An image as the model sees it: binarised, or grey levels in [0, 1].", "x"),
        Stage("μ", "encoder: mean", "Where the encoder believes the image lies in the latent space.", "mu"),
        Stage("σ", "encoder: deviation", "How sure it is, dimension by dimension.", "sigma"),
        Stage("z", "sample of q(z|x)", "z = μ + σ ε with ε ~ N(0, I): chance enters where no gradient must pass.", "z"),
        Stage("x̂", "decoder", "The expected image under p(x|z).", "recon"),
    ),
    reference="Kingma & Welling 2014, eq. 3, arXiv:1312.6114",
    notes=(
        "The gap log p(x) − ELBO is KL(q(z|x) ‖ p(z|x)): how far the encoder's Gaussian is from the true posterior.",
        "A latent dimension whose KL is 0 has collapsed: the decoder has learned to ignore it.",
        "With beta ≠ 1 the training descends recon + beta · KL; the ELBO that is reported always has beta = 1.",
    ),
)
