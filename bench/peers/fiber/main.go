// SPDX-License-Identifier: Apache-2.0

// The service in Go: Fiber, go-playground/validator, ONNX Runtime by onnxruntime_go.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"os"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/gofiber/fiber/v3"
)

type tensor struct {
	Name     string    `json:"name" validate:"eq=x"`
	Shape    []int64   `json:"shape" validate:"len=2,dive,min=1,max=8"`
	Datatype string    `json:"datatype" validate:"eq=FP32"`
	Data     []float32 `json:"data" validate:"len=8,dive,min=-100,max=100"`
}

type classifyRequest struct {
	Inputs []tensor `json:"inputs" validate:"len=1,dive"`
}

type answer struct {
	Result       string  `json:"result"`
	Confidence   float32 `json:"confidence"`
	Model        string  `json:"model"`
	ModelVersion string  `json:"model_version"`
	LatencyMs    float64 `json:"latency_ms"`
}

type service struct {
	validate    *validator.Validate
	mlp         *model
	orientation *model
	pauses      pauses
}

func unprocessable(c fiber.Ctx, err error) error {
	return c.Status(fiber.StatusUnprocessableEntity).JSON(fiber.Map{"detail": err.Error()})
}

func (s *service) classify(c fiber.Ctx) error {
	began := time.Now()
	var request classifyRequest
	decoder := json.NewDecoder(bytes.NewReader(c.Body()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return unprocessable(c, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return unprocessable(c, fiber.NewError(fiber.StatusUnprocessableEntity, "more than one document"))
	}
	if err := s.validate.Struct(&request); err != nil {
		return unprocessable(c, err)
	}
	input := request.Inputs[0]
	if input.Shape[0]*input.Shape[1] != int64(len(input.Data)) {
		return unprocessable(c, fiber.NewError(fiber.StatusUnprocessableEntity, "shape and data differ"))
	}
	scores, err := s.mlp.run(input.Shape, input.Data)
	if err != nil {
		return unprocessable(c, err)
	}
	softmax(scores)
	return c.JSON(s.mlp.answer(scores, began))
}

func (s *service) textOrientation(c fiber.Ctx) error {
	began := time.Now()
	pixels, err := imageTensor(c.Body())
	if err != nil {
		return unprocessable(c, err)
	}
	scores, err := s.orientation.run([]int64{1, 3, imageHeight, imageWidth}, pixels)
	if err != nil {
		return err
	}
	return c.JSON(s.orientation.answer(scores, began))
}

func main() {
	if err := openRuntime(os.Getenv("PEER_ORT")); err != nil {
		log.Fatal(err)
	}
	mlp, err := loadModel("mlp", os.Getenv("PEER_MLP"), []string{"setosa", "versicolor", "virginica"})
	if err != nil {
		log.Fatal(err)
	}
	orientation, err := loadModel("text-orientation", os.Getenv("PEER_ORIENTATION"), []string{"0", "180"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := orientation.run([]int64{1, 3, imageHeight, imageWidth}, make([]float32, 3*imageHeight*imageWidth)); err != nil {
		log.Fatal(err)
	}
	s := &service{validate: validator.New(), mlp: mlp, orientation: orientation}
	app := fiber.New(fiber.Config{IdleTimeout: 75 * time.Second})
	app.Get("/livez", func(c fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	app.Post("/v1/classify", s.classify)
	app.Post("/v1/text-orientation", s.textOrientation)
	app.Post("/debug/pauses", func(c fiber.Ctx) error { s.pauses.start(); return c.JSON(fiber.Map{"status": "ok"}) })
	app.Get("/debug/pauses", func(c fiber.Ctx) error { return c.JSON(s.pauses.told()) })
	log.Fatal(app.Listen("127.0.0.1:"+os.Getenv("PEER_PORT"), fiber.ListenConfig{DisableStartupMessage: true}))
}
